"""When a message leaves that limits delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import UtcField

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator

TABLE = "influence_campaign_email"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column(TABLE, "send_after", UtcField(null=True)))


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.drop_column(TABLE, "send_after"))
