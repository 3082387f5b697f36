"""Reads of messages."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.schemas import EmailOut
from changemaker_influence.numbers.services import SentLetter
from changemaker_influence.states import EmailStatus


class EmailState(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a message, as its sender sees it."""

    id: str
    action_id: str
    recipient_name: str
    status: EmailStatus
    send_after: datetime | None
    sent_at: datetime | None
    language: str
    campaign_id: str
    campaign_slug: str
    campaign_title: str
    campaign_language: str
    thank_you: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The message that was, or is being, handed over under a ``delivery_key``."""

    id: str
    status: EmailStatus
    sending_at: datetime | None
    sent_at: datetime | None


class OfCampaign(msgspec.Struct, frozen=True):
    """The campaign that a message belongs to."""

    campaign_id: str


class EmailToSend(msgspec.Struct, frozen=True, kw_only=True):
    """A message, with everything that its mail contains."""

    id: str
    sender_name: str
    sender_email: str
    postal_code: str
    recipient_name: str
    recipient_email: str
    recipient_office: str
    subject: str
    body: str
    status: EmailStatus
    campaign_id: str
    campaign_slug: str
    campaign_title: str
    language: str


_CAMPAIGN: Final = {"campaign_slug": Campaign.slug, "campaign_title": Campaign.title}
#: The title and the language that the campaign had for the sender.
_AS_WRITTEN: Final = {
    "campaign_title": peewee.fn.COALESCE(CampaignEmail.campaign_title, Campaign.title),
    "language": peewee.fn.COALESCE(CampaignEmail.language, Campaign.language),
}


@compiled(EmailToSend)
def email_to_send(id: str) -> Query:
    """Return a message for the job that sends it."""
    return (
        CampaignEmail.select_for(EmailToSend, **{**_CAMPAIGN, **_AS_WRITTEN})
        .join(Campaign)
        .where(CampaignEmail.id == id)
    )


@compiled(OfCampaign)
def campaign_of(id: str) -> Query:
    """Return the campaign of the message with this id."""
    selected = CampaignEmail.select_for(OfCampaign, campaign_id=CampaignEmail.campaign)
    return selected.where(CampaignEmail.id == id)


@compiled(SentLetter)
def sent_letter(id: str) -> Query:
    """Return what is counted of the message with this id."""
    return CampaignEmail.select_for(SentLetter).where(CampaignEmail.id == id)


@compiled(EmailState)
def state_of_email(id: str) -> Query:
    """Return the state of the message with this id."""
    return _states().where(CampaignEmail.id == id)


@compiled(EmailState)
def states_of_action(action_id: str) -> Query:
    """Return the states of all messages of one submission, by the recipients' names."""
    query = _states().where(CampaignEmail.action_id == action_id)
    return query.order_by(CampaignEmail.recipient_name, CampaignEmail.id)


@compiled(Delivery)
def delivery_with(key: str) -> Query:
    """Return the message that was handed over under this ``delivery_key``."""
    return CampaignEmail.select_for(Delivery).where(CampaignEmail.delivery_key == key)


@compiled(Delivery)
def delivery_instead_of(id: str) -> Query:
    """Return the message that was handed over in place of the one with this id, if one was."""
    repeated = CampaignEmail.alias()
    first = repeated.select(repeated.repeats).where(repeated.id == id)
    return CampaignEmail.select_for(Delivery).where(CampaignEmail.id == first)


@compiled(EmailOut)
def emails_of_campaign(
    campaign_id: str,
    status: str | None = None,
    before: str | None = None,
    limit: int | None = 51,
    offset: int = 0,
) -> Query:
    """Return a campaign's messages, newest first; with ``before``, those older than that id."""
    query = CampaignEmail.select_for(EmailOut).where(CampaignEmail.campaign == campaign_id)
    if status is not None:
        query = query.where(CampaignEmail.status == status)
    if before is not None:
        query = query.where(CampaignEmail.id < before)
    return query.order_by(CampaignEmail.id.desc()).limit(limit).offset(offset)


def _states() -> Query:
    columns = {
        **_CAMPAIGN,
        **_AS_WRITTEN,
        "campaign_id": CampaignEmail.campaign,
        "campaign_language": Campaign.language,
        "thank_you": Campaign.thank_you,
    }
    return CampaignEmail.select_for(EmailState, **columns).join(Campaign)
