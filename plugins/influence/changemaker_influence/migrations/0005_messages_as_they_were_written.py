"""The title and the language of a campaign as they were when a message was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

TABLE = "influence_campaign_email"
_AS_NOW = (
    "UPDATE influence_campaign_email SET"
    " campaign_title = (SELECT title FROM influence_campaign AS c WHERE c.id = campaign_id),"
    " language = (SELECT language FROM influence_campaign AS c WHERE c.id = campaign_id)"
    " WHERE status IN ('QUEUED', 'SENDING')"
)


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Add both, and fill them in for messages that wait: their campaign may change meanwhile."""
    migrator.migrate(
        migrator.add_column(TABLE, "campaign_title", peewee.CharField(max_length=200, null=True)),
        migrator.add_column(TABLE, "language", peewee.CharField(max_length=8, null=True)),
    )
    db.execute_sql(_AS_NOW)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_column(TABLE, "language"), migrator.drop_column(TABLE, "campaign_title")
    )
