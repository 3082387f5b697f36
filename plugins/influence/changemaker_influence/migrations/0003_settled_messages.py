"""Who settled a message of unknown outcome, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

TABLE = "influence_campaign_email"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column(TABLE, "settled_at", UtcField(null=True)),
        migrator.add_column(TABLE, "settled_by", peewee.CharField(max_length=64, null=True)),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_column(TABLE, "settled_by"),
        migrator.drop_column(TABLE, "settled_at"),
    )
