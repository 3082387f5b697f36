"""The ledger: one row for each message that was accepted to one recipient."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id
from changemaker_influence.campaigns.models import Campaign

#: Whether a letter has not been anonymised. Written out: SQLite uses the index of these letters
#: only where the condition is in the statement, and not among its values.
HAS_SENDER = peewee.SQL("sender_email <> ''")


class CampaignEmail(Model):
    """A message from one supporter to one recipient, and its status.

    Messages of one submission share an ``action_id``. Addresses are lower case. The consent of the
    sender is stored word for word, with its version, language and time.

    ``delivery_key`` is set from the moment when the message may have been delivered, and says which
    others are the same (``sameness.py``). ``repeats`` is the id of the one that was delivered in
    place of this one. ``edited`` says whether the sender has changed the campaign's text;
    ``job_id`` is the job that sends it.
    """

    id = UUIDField(primary_key=True, default=new_id)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="RESTRICT", index=False)
    action_id = UUIDField(index=True)
    # As they were when it was written; null in messages from before these columns.
    campaign_title = peewee.CharField(max_length=200, null=True)
    language = peewee.CharField(max_length=8, null=True)
    sender_name = peewee.CharField(max_length=200)
    # The index is for exports and erasures: nobody else's letters are read for them.
    sender_email = peewee.CharField(max_length=254, index=True)
    postal_code = peewee.CharField(max_length=100)
    recipient_name = peewee.CharField(max_length=200)
    recipient_email = peewee.CharField(max_length=254, index=True)
    recipient_office = peewee.CharField(max_length=200, default="")
    recipient_level = peewee.CharField(max_length=16, null=True)
    # Null in messages from before these columns.
    recipient_district = peewee.CharField(max_length=200, null=True)
    edited = peewee.BooleanField(null=True)
    subject = peewee.TextField()
    body = peewee.TextField()
    method = peewee.CharField(max_length=16, default="SMTP")
    status = peewee.CharField(max_length=24, default="QUEUED")
    job_id = UUIDField(null=True)
    message_id = peewee.CharField(max_length=320, null=True)
    # The ledger's promise: a letter is handed over once.
    delivery_key = peewee.CharField(max_length=64, null=True, unique=True)
    repeats = UUIDField(null=True)
    # Who found out what became of it, and when; empty for the command line.
    settled_at = UtcField(null=True)
    settled_by = peewee.CharField(max_length=64, null=True)
    error = peewee.TextField(null=True)
    consent_text = peewee.TextField()
    consent_version = peewee.CharField(max_length=16)
    consent_language = peewee.CharField(max_length=8)
    consented_at = UtcField()
    created_at = UtcField()
    # When it may leave, where limits delay it.
    send_after = UtcField(null=True)
    sending_at = UtcField(null=True)
    sent_at = UtcField(null=True)
    updated_at = UtcField()

    class Meta:
        table_name = "influence_campaign_email"
        indexes = ((("campaign", "id"), False), (("status", "id"), False))


# Each day the letters that are too old are looked for: among years of anonymised ones.
CampaignEmail.add_index(
    CampaignEmail.created_at, where=HAS_SENDER, name="influence_campaign_email_expiring"
)


class EmailTry(Model):
    """A try to send a message that did not end with the server's yes, and what the server replied.

    ``outcome`` is what the message became: ``QUEUED`` (it is tried again), ``FAILED``, ``UNKNOWN``.
    ``reply`` is empty where the time for tries had ended.
    """

    id = UUIDField(primary_key=True, default=new_id)
    email = peewee.ForeignKeyField(
        CampaignEmail, lazy_load=False, on_delete="CASCADE", index=False, backref="tries"
    )
    at = UtcField()
    outcome = peewee.CharField(max_length=16)
    reply = peewee.TextField()

    class Meta:
        table_name = "influence_email_try"
        indexes = ((("email", "id"), False),)


class IdempotencyKey(Model):
    """The response to a request with an ``Idempotency-Key``; both keys are keyed hashes."""

    key = peewee.CharField(max_length=64, primary_key=True)
    request = peewee.CharField(max_length=64)
    response = JSONField(null=True)
    created_at = UtcField(index=True)

    class Meta:
        table_name = "influence_idempotency_key"
