"""Indexes for what is next to be sent and for the log; tests have the position 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("webhooks_delivery", "webhooks_delivery_waiting"),
        migrator.fill("webhooks_delivery", "position", 0),
        migrator.add_not_null("webhooks_delivery", "position"),
        migrator.add_index(
            "webhooks_delivery", ("endpoint_id", "id"), name="webhooks_delivery_listed"
        ),
        migrator.add_index(
            "webhooks_delivery",
            ("state", "endpoint_id", "position", "id"),
            name="webhooks_delivery_state",
        ),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("webhooks_delivery", "webhooks_delivery_state"),
        migrator.drop_index("webhooks_delivery", "webhooks_delivery_listed"),
        migrator.drop_not_null("webhooks_delivery", "position"),
        migrator.sql(
            'CREATE INDEX "webhooks_delivery_waiting" ON "webhooks_delivery" ("endpoint_id", "position") WHERE state = \'waiting\'',  # noqa: E501
        ),
    )
