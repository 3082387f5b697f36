"""Reads of messages."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.emails.models import CampaignEmail, EmailRepeat
from changemaker_influence.emails.schemas import EmailOut
from changemaker_influence.states import EmailStatus


class EmailState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message. ``repeated_at`` where this id answers a request that repeats
    another."""

    id: str
    action_id: str
    recipient_name: str
    status: EmailStatus
    sent_at: datetime | None
    campaign_slug: str
    campaign_title: str
    repeated_at: datetime | None = None


class EmailToSend(msgspec.Struct, frozen=True, kw_only=True):
    """A message with all that its mail is made of."""

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


_OUT = tuple(getattr(CampaignEmail, name) for name in EmailOut.__struct_fields__)
_STATE = (
    CampaignEmail.recipient_name,
    CampaignEmail.status,
    CampaignEmail.sent_at,
    Campaign.slug.alias("campaign_slug"),
    Campaign.title.alias("campaign_title"),
)
_FIRST = (CampaignEmail.id, CampaignEmail.action_id, *_STATE)
_REPEATED = (EmailRepeat.id, EmailRepeat.action_id, EmailRepeat.created_at.alias("repeated_at"))


@compiled(EmailToSend)
def email_to_send(id: str) -> Query:
    """A message, for the job that sends it."""
    return (
        CampaignEmail.select(
            CampaignEmail.id,
            CampaignEmail.sender_name,
            CampaignEmail.sender_email,
            CampaignEmail.postal_code,
            CampaignEmail.recipient_name,
            CampaignEmail.recipient_email,
            CampaignEmail.recipient_office,
            CampaignEmail.subject,
            CampaignEmail.body,
            CampaignEmail.status,
            Campaign.id.alias("campaign_id"),
            Campaign.slug.alias("campaign_slug"),
            Campaign.title.alias("campaign_title"),
            Campaign.language,
        )
        .join(Campaign)
        .where(CampaignEmail.id == id)
    )


@compiled(EmailState)
def state_of_email(id: str) -> Query:
    """What became of the message with this id."""
    return CampaignEmail.select(*_FIRST).join(Campaign).where(CampaignEmail.id == id)


@compiled(EmailState)
def state_of_repeat(id: str) -> Query:
    """What became of the message that a repeated request asked for."""
    return _repeats().where(EmailRepeat.id == id)


@compiled(EmailState)
def states_of_action(action_id: str) -> Query:
    """Every message that was sent off together."""
    query = CampaignEmail.select(*_FIRST).join(Campaign)
    return query.where(CampaignEmail.action_id == action_id)


@compiled(EmailState)
def repeats_of_action(action_id: str) -> Query:
    """Every message that was asked for together, and had been sent before."""
    return _repeats().where(EmailRepeat.action_id == action_id)


@compiled(EmailOut)
def emails_of_campaign(
    campaign_id: str,
    status: str | None = None,
    before: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """A campaign's messages, newest first; those that came before the one of the id ``before``."""
    query = CampaignEmail.select(*_OUT).where(CampaignEmail.campaign == campaign_id)
    if status is not None:
        query = query.where(CampaignEmail.status == status)
    if before is not None:
        query = query.where(CampaignEmail.id < before)
    return query.order_by(CampaignEmail.id.desc()).limit(limit).offset(offset)


def _repeats() -> Query:
    return (
        EmailRepeat.select(*_REPEATED, *_STATE)
        .join(CampaignEmail)
        .join(Campaign, on=CampaignEmail.campaign == Campaign.id)
    )
