"""Campaigns, the ledger of messages, and the caches of directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Campaign(Model):
    id = UUIDField(primary_key=True)
    slug = peewee.CharField(max_length=80, unique=True)
    title = peewee.CharField(max_length=200)
    description = peewee.TextField()
    email_subject = peewee.CharField(max_length=200)
    email_body = peewee.TextField()
    call_to_action = peewee.CharField(max_length=500)
    cover_photo = peewee.CharField(max_length=500)
    language = peewee.CharField(max_length=8)
    status = peewee.CharField(max_length=16)
    target_government_levels = JSONField()
    allow_smtp_email = peewee.BooleanField()
    allow_mailto_link = peewee.BooleanField()
    allow_email_editing = peewee.BooleanField()
    allow_custom_recipients = peewee.BooleanField()
    show_email_count = peewee.BooleanField()
    starts_at = UtcField(null=True)
    ends_at = UtcField(null=True)
    published_at = UtcField(null=True)
    created_by = peewee.CharField(max_length=64, null=True)
    created_at = UtcField()
    updated_at = UtcField()

    class Meta:
        table_name = "influence_campaign"
        indexes = (
            (("status", "id"), False),
            (("status", "published_at", "id", "starts_at", "ends_at"), False),
        )


class CustomRecipient(Model):
    id = UUIDField(primary_key=True)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    name = peewee.CharField(max_length=200)
    title = peewee.CharField(max_length=200)
    email = peewee.CharField(max_length=254)
    created_at = UtcField()

    class Meta:
        table_name = "influence_custom_recipient"
        indexes = ((("campaign", "email"), True),)


class CampaignEmail(Model):
    id = UUIDField(primary_key=True)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="RESTRICT", index=False)
    action_id = UUIDField(index=True)
    sender_name = peewee.CharField(max_length=200)
    sender_email = peewee.CharField(max_length=254)
    postal_code = peewee.CharField(max_length=100)
    recipient_name = peewee.CharField(max_length=200)
    recipient_email = peewee.CharField(max_length=254)
    recipient_office = peewee.CharField(max_length=200)
    recipient_level = peewee.CharField(max_length=16, null=True)
    subject = peewee.TextField()
    body = peewee.TextField()
    method = peewee.CharField(max_length=16)
    status = peewee.CharField(max_length=24, index=True)
    message_id = peewee.CharField(max_length=320, null=True)
    error = peewee.TextField(null=True)
    consent_text = peewee.TextField()
    consent_version = peewee.CharField(max_length=16)
    consent_language = peewee.CharField(max_length=8)
    consented_at = UtcField()
    created_at = UtcField()
    sending_at = UtcField(null=True)
    sent_at = UtcField(null=True)
    updated_at = UtcField()

    class Meta:
        table_name = "influence_campaign_email"
        indexes = (
            (("campaign", "sender_email", "recipient_email"), True),
            (("campaign", "id"), False),
        )


class EmailTally(Model):
    campaign = peewee.ForeignKeyField(
        Campaign, lazy_load=False, primary_key=True, on_delete="CASCADE"
    )
    sent = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_email_tally"


class EmailRepeat(Model):
    id = UUIDField(primary_key=True)
    email = peewee.ForeignKeyField(CampaignEmail, lazy_load=False, on_delete="CASCADE")
    action_id = UUIDField(index=True)
    created_at = UtcField()

    class Meta:
        table_name = "influence_email_repeat"


class IdempotencyKey(Model):
    key = peewee.CharField(max_length=64, primary_key=True)
    request = peewee.CharField(max_length=64)
    response = JSONField(null=True)
    created_at = UtcField(index=True)

    class Meta:
        table_name = "influence_idempotency_key"


class PostalCode(Model):
    directory = peewee.CharField(max_length=64)
    code = peewee.CharField(max_length=100)
    entry = JSONField()
    cached_at = UtcField()

    class Meta:
        table_name = "influence_postal_code"
        primary_key = peewee.CompositeKey("directory", "code")


class LookupCount(Model):
    source = peewee.CharField(max_length=16, primary_key=True)
    count = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_lookup_count"


TABLES = [
    Campaign,
    CustomRecipient,
    CampaignEmail,
    EmailTally,
    EmailRepeat,
    IdempotencyKey,
    PostalCode,
    LookupCount,
]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
