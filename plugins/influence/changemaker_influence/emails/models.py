"""The ledger: one row for each message to one recipient."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id
from changemaker_influence.campaigns.models import Campaign


class CampaignEmail(Model):
    """A message from one supporter to one recipient, and what became of it.

    Messages that were sent off together share an ``action_id``. Addresses are lower case. What the
    sender agreed to is kept word for word, with its version, language and time.
    """

    id = UUIDField(primary_key=True, default=new_id)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="RESTRICT", index=False)
    action_id = UUIDField(index=True)
    sender_name = peewee.CharField(max_length=200)
    sender_email = peewee.CharField(max_length=254)
    postal_code = peewee.CharField(max_length=100)
    recipient_name = peewee.CharField(max_length=200)
    recipient_email = peewee.CharField(max_length=254)
    recipient_office = peewee.CharField(max_length=200, default="")
    recipient_level = peewee.CharField(max_length=16, null=True)
    subject = peewee.TextField()
    body = peewee.TextField()
    method = peewee.CharField(max_length=16, default="SMTP")
    status = peewee.CharField(max_length=24, default="QUEUED", index=True)
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
        # The ledger's promise: a sender writes to a recipient once in a campaign.
        indexes = (
            (("campaign", "sender_email", "recipient_email"), True),
            (("campaign", "id"), False),
        )


class EmailTally(Model):
    """How many messages of a campaign were sent: counting a million rows takes too long.

    A campaign has it from the moment when it is first published.
    """

    campaign = peewee.ForeignKeyField(
        Campaign, lazy_load=False, primary_key=True, on_delete="CASCADE"
    )
    sent = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "influence_email_tally"


class EmailRepeat(Model):
    """A request to send what had been sent: its answer is a new id, which tells nobody so."""

    id = UUIDField(primary_key=True, default=new_id)
    email = peewee.ForeignKeyField(CampaignEmail, lazy_load=False, on_delete="CASCADE")
    action_id = UUIDField(index=True)
    created_at = UtcField()

    class Meta:
        table_name = "influence_email_repeat"


class IdempotentAnswer(Model):
    """What was answered to a request that carried an ``Idempotency-Key``."""

    key = peewee.CharField(max_length=64, primary_key=True)
    request = peewee.CharField(max_length=64)
    answer = JSONField(null=True)
    created_at = UtcField(index=True)

    class Meta:
        table_name = "influence_idempotent_answer"
