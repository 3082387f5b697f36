"""Tallies of sent messages. They are counted with each message, since counting a hundred thousand
rows takes too long, and they stay when messages are anonymised."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_influence.campaigns.models import Campaign


class SentInPeriod(Model):
    """The number of messages of a campaign that were sent in half an hour.

    Days are made of these in the site's time zone, which may change: all of America's zones begin
    their days at a half hour of UTC.
    """

    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    period = UtcField()
    sent = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "influence_sent_in_period"
        primary_key = peewee.CompositeKey("campaign", "period")


class SentToRecipient(Model):
    """The number of messages of a campaign that were sent to one mailbox.

    Name, level and riding are those of the last message. ``recipient`` is the address, or an id
    once the person was erased. ``level`` is empty for a campaign's own recipients, ``district``
    for these too, and for messages from before it was stored.
    """

    id = UUIDField(primary_key=True, default=new_id)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    recipient = peewee.CharField(max_length=254, index=True)
    name = peewee.CharField(max_length=200)
    level = peewee.CharField(max_length=16, default="")
    district = peewee.CharField(max_length=200, default="")
    sent = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "influence_sent_to_recipient"
        indexes = (
            (("campaign", "recipient"), True),
            (("campaign", "sent"), False),
            (("campaign", "level", "district", "sent"), False),
        )
