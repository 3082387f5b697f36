"""The number of messages of a campaign that failed: it does not fall when one is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

TABLE = "influence_email_tally"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Begin with the messages that are failed now."""
    # Processes of the version before, which run until the reload, write tallies without it.
    failed = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    migrator.migrate(migrator.add_column(TABLE, "failed", failed))
    db.execute_sql(
        "UPDATE influence_email_tally SET failed = (SELECT COUNT(*) FROM influence_campaign_email"
        " WHERE influence_campaign_email.campaign_id = influence_email_tally.campaign_id"
        " AND status = 'FAILED')"
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Drop the numbers."""
    migrator.migrate(migrator.drop_column(TABLE, "failed"))
