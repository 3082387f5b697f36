"""Texts of campaigns in other languages than their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

CAMPAIGN = "influence_campaign"


class Campaign(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = CAMPAIGN


class CampaignText(Model):
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    language = peewee.CharField(max_length=8)
    field = peewee.CharField(max_length=32)
    text = peewee.TextField()
    original = peewee.TextField()
    updated_at = UtcField()
    updated_by = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "influence_campaign_text"
        primary_key = peewee.CompositeKey("campaign", "language", "field")


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables([CampaignText])
    migrator.migrate(migrator.add_column(CAMPAIGN, "translated_into", JSONField(null=True)))


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(migrator.drop_column(CAMPAIGN, "translated_into"))
    db.drop_tables([CampaignText])
