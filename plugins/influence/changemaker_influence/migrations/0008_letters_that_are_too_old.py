"""Letters that are too old are found among anonymised ones, and entries of directories by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.execute_sql(
        "CREATE INDEX influence_campaign_email_expiring ON influence_campaign_email (created_at)"
        " WHERE sender_email <> ''"
    )
    migrator.migrate(migrator.add_index("influence_postal_code", ("code",)))


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("influence_postal_code", "influence_postal_code_code"),
        migrator.drop_index("influence_campaign_email", "influence_campaign_email_expiring"),
    )
