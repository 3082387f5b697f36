"""Deliveries with the request that their event began with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("webhooks_delivery", "request_id", peewee.TextField(null=True))
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.drop_column("webhooks_delivery", "request_id"))
