"""Reads of messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.emails.models import CampaignEmail, EmailRepeat
from changemaker_influence.emails.schemas import EmailOut
from changemaker_influence.states import FINAL, EmailStatus

if TYPE_CHECKING:
    from changemaker_core import Database

#: A repeated message must seem to take as long as a new one, or its status would tell a stranger
#: that this sender had written to this recipient before.
REPEAT_DELAY: Final = timedelta(seconds=2)


class EmailState(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a message, as its sender sees it.

    ``repeated_at`` is set where this id belongs to a repetition of an earlier request.
    """

    id: str
    action_id: str
    recipient_name: str
    status: EmailStatus
    sent_at: datetime | None
    campaign_slug: str
    campaign_title: str
    repeated_at: datetime | None = None


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


@compiled(EmailToSend)
def email_to_send(id: str) -> Query:
    """Return a message for the job that sends it."""
    return (
        CampaignEmail.select_for(EmailToSend, language=Campaign.language, **_CAMPAIGN)
        .join(Campaign)
        .where(CampaignEmail.id == id)
    )


@compiled(EmailState)
def state_of_email(id: str) -> Query:
    """Return the state of the message with this id."""
    return _firsts().where(CampaignEmail.id == id)


@compiled(EmailState)
def state_of_repeat(id: str) -> Query:
    """Return the state of the message that a repeated request asked for."""
    return _repeats().where(EmailRepeat.id == id)


@compiled(EmailState)
def states_of_action(action_id: str) -> Query:
    """Return the states of all messages of one submission."""
    return _firsts().where(CampaignEmail.action_id == action_id)


@compiled(EmailState)
def repeats_of_action(action_id: str) -> Query:
    """Return the states of all messages of one submission that repeat earlier ones."""
    return _repeats().where(EmailRepeat.action_id == action_id)


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


def _firsts() -> Query:
    return CampaignEmail.select_for(EmailState, repeated_at=None, **_CAMPAIGN).join(Campaign)


def _repeats() -> Query:
    return (
        EmailRepeat.select_for(
            EmailState,
            recipient_name=CampaignEmail.recipient_name,
            status=CampaignEmail.status,
            sent_at=CampaignEmail.sent_at,
            repeated_at=EmailRepeat.created_at,
            **_CAMPAIGN,
        )
        .join(CampaignEmail)
        .join(Campaign, on=CampaignEmail.campaign == Campaign.id)
    )


async def state_of(db: Database, id: str, now: datetime) -> EmailState | None:
    """Return the state at ``now`` of the message that was accepted under ``id``."""
    state = await db.one(state_of_email(id=id))
    if state is None:
        state = await db.one(state_of_repeat(id=id))
    return None if state is None else _as_new(state, now)


async def states_with(db: Database, state: EmailState, now: datetime) -> list[EmailState]:
    """Return the states of everything in the same submission, by the recipients' names."""
    first = await db.all(states_of_action(action_id=state.action_id))
    repeated = await db.all(repeats_of_action(action_id=state.action_id))
    states = [_as_new(each, now) for each in (*first, *repeated)]
    return sorted(states, key=lambda each: (each.recipient_name, each.id))


def _as_new(state: EmailState, now: datetime) -> EmailState:
    """Make a repeated message look like a new one: queued at first, and sent after its request."""
    if state.repeated_at is None or state.status not in FINAL:
        return state
    ready = state.repeated_at + REPEAT_DELAY
    if now < ready:
        return msgspec.structs.replace(state, status="QUEUED", sent_at=None)
    sent_at = max(state.sent_at, ready) if state.sent_at else None
    return msgspec.structs.replace(state, sent_at=sent_at)
