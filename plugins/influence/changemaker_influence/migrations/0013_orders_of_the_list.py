"""Add the index influence_campaign_status_title_id, and 3 more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_index("influence_campaign", ("status", "title", "id")),
        migrator.add_index("influence_campaign", ("status", "updated_at", "id")),
        migrator.add_index("influence_campaign", ("title", "id")),
        migrator.add_index("influence_campaign", ("updated_at", "id")),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("influence_campaign", "influence_campaign_updated_at_id"),
        migrator.drop_index("influence_campaign", "influence_campaign_title_id"),
        migrator.drop_index("influence_campaign", "influence_campaign_status_updated_at_id"),
        migrator.drop_index("influence_campaign", "influence_campaign_status_title_id"),
    )
