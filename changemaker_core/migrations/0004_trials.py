"""Held queues that are tried from time to time, and the failures in a row that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core.db import Model, UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Failure(Model):
    queue = peewee.TextField()
    item = peewee.TextField()
    at = UtcField()

    class Meta:
        table_name = "core_failure"
        primary_key = peewee.CompositeKey("queue", "item")


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Add the columns and the table. A queue that is held stays so until it is released."""
    # Processes of the version before, which run until the reload, hold queues without ``trials``.
    trials = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    migrator.migrate(
        migrator.add_column("core_hold", "retry_at", UtcField(null=True)),
        migrator.add_column("core_hold", "trials", trials),
    )
    db.create_tables([Failure])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Remove them. Queues that would have been tried wait for an operator."""
    db.drop_tables([Failure])
    migrator.migrate(
        migrator.drop_column("core_hold", "trials"),
        migrator.drop_column("core_hold", "retry_at"),
    )
