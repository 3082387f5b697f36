"""Tries to send a letter, and the job that sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class InfluenceCampaignEmail(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "influence_campaign_email"


class EmailTry(Model):
    id = UUIDField(primary_key=True)
    email = peewee.ForeignKeyField(
        InfluenceCampaignEmail, index=False, lazy_load=False, on_delete="CASCADE"
    )
    at = UtcField()
    outcome = peewee.CharField(max_length=16)
    reply = peewee.TextField()

    class Meta:
        table_name = "influence_email_try"
        indexes = ((("email", "id"), False),)


TABLES = [EmailTry]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)
    migrator.migrate(
        migrator.drop_index("influence_campaign_email", "influence_campaign_email_status"),
        migrator.add_column("influence_campaign_email", "job_id", UUIDField(null=True)),
        migrator.add_index("influence_campaign_email", ("status", "id")),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("influence_campaign_email", "influence_campaign_email_status_id"),
        migrator.drop_column("influence_campaign_email", "job_id"),
        migrator.add_index("influence_campaign_email", ("status",)),
    )
    db.drop_tables(TABLES)
