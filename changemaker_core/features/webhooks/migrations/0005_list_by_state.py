"""An index for the log of an endpoint, of deliveries in one state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_index(
            "webhooks_delivery",
            ("endpoint_id", "state", "id"),
            name="webhooks_delivery_state_listed",
        )
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.drop_index("webhooks_delivery", "webhooks_delivery_state_listed"))
