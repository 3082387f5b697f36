"""Add events_event.poster, add events_sign_up.reminded_at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("events_event", "poster", peewee.CharField(max_length=120, default="")),
        migrator.add_column("events_sign_up", "reminded_at", UtcField(null=True)),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_column("events_sign_up", "reminded_at"),
        migrator.drop_column("events_event", "poster"),
    )
