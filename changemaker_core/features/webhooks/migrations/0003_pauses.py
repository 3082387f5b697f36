"""The time of an endpoint's next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import UtcField

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.add_column("webhooks_endpoint", "not_before", UtcField(null=True)))


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.drop_column("webhooks_endpoint", "not_before"))
