"""Since when each job has its schedule by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core.db import Model, UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Schedule(Model):
    name = peewee.TextField(primary_key=True)
    schedule = peewee.TextField()
    since = UtcField()

    class Meta:
        table_name = "core_schedule"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Create the table. Schedules begin when a process first enqueues by them."""
    db.create_tables([Schedule])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Drop it."""
    db.drop_tables([Schedule])
