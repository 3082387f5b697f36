"""Reads of letters for organisers' pages."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
import peewee

from changemaker_core import Query, compiled, search
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.emails.models import CampaignEmail, EmailTry
from changemaker_influence.states import EmailStatus

#: Letters that a search for a name looks through, the newest ones.
SEARCHED: Final = 10_000


class LetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in a list."""

    id: str
    campaign_id: str
    campaign_title: str
    sender_name: str
    sender_email: str
    postal_code: str
    recipient_name: str
    recipient_email: str
    recipient_office: str
    recipient_level: str | None
    subject: str
    edited: bool | None
    status: EmailStatus
    error: str | None
    repeats: str | None
    created_at: datetime
    send_after: datetime | None
    sent_at: datetime | None


class LetterDetail(LetterRow, frozen=True, kw_only=True):
    """A letter with everything that its page shows, and the campaign's present text."""

    action_id: str
    job_id: str | None
    body: str
    language: str
    consent_text: str
    consent_version: str
    consent_language: str
    consented_at: datetime
    sending_at: datetime | None
    settled_at: datetime | None
    updated_at: datetime
    campaign_subject: str
    campaign_body: str
    campaign_language: str


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """A try to send a letter that the server did not accept."""

    at: datetime
    outcome: EmailStatus
    reply: str


@compiled(LetterRow)
def letters(
    objects: list[str] | None = None,
    status: str | None = None,
    campaign: str | None = None,
    level: str | None = None,
    edited: bool | None = None,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
    q: str | None = None,
) -> Query:
    """Letters of all campaigns, or of those in ``objects``.

    ``q`` is an address, of any letter, or words of a name, of the newest ``SEARCHED`` letters.
    """
    query = _rows(status, level, edited, created_from, created_until, q)
    if objects is not None:
        # PERF: not by the index of campaigns, whose letters would all be sorted for each page.
        own = Campaign.alias()
        is_own = (own.id == CampaignEmail.campaign) & own.id.in_(objects)
        query = query.where(peewee.fn.EXISTS(own.select(own.id).where(is_own)))
    if campaign is not None:
        query = query.where(CampaignEmail.campaign == campaign)
    return query


@compiled(LetterRow)
def letters_of_campaign(
    id: str,
    status: str | None = None,
    level: str | None = None,
    edited: bool | None = None,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
    q: str | None = None,
) -> Query:
    """Letters of one campaign; the others are the filters of ``letters``."""
    query = _rows(status, level, edited, created_from, created_until, q)
    return query.where(CampaignEmail.campaign == id)


def _rows(
    status: str | None,
    level: str | None,
    edited: bool | None,
    created_from: datetime | None,
    created_until: datetime | None,
    q: str | None,
) -> Query:
    query = CampaignEmail.select_for(
        LetterRow, campaign_id=CampaignEmail.campaign, campaign_title=Campaign.title
    ).join(Campaign)
    if status is not None:
        query = query.where(CampaignEmail.status == status)
    if level is not None:
        query = query.where(CampaignEmail.recipient_level == level)
    if edited is not None:
        query = query.where(CampaignEmail.edited == edited)
    if created_from is not None:
        query = query.where(CampaignEmail.created_at >= created_from)
    if created_until is not None:
        query = query.where(CampaignEmail.created_at < created_until)
    if q is not None:
        newest = CampaignEmail.alias()
        ids = newest.select(newest.id).order_by(newest.id.desc()).limit(SEARCHED)
        named = search(CampaignEmail.sender_name, q) | search(CampaignEmail.recipient_name, q)
        query = query.where(
            (CampaignEmail.sender_email == peewee.fn.LOWER(q))
            | (CampaignEmail.recipient_email == peewee.fn.LOWER(q))
            | (CampaignEmail.id.in_(ids) & named)
        )
    return query


@compiled(LetterDetail)
def letter(id: str) -> Query:
    """Return one letter for its page."""
    return (
        CampaignEmail.select_for(
            LetterDetail,
            campaign_id=CampaignEmail.campaign,
            campaign_title=peewee.fn.COALESCE(CampaignEmail.campaign_title, Campaign.title),
            language=peewee.fn.COALESCE(CampaignEmail.language, Campaign.language),
            campaign_subject=Campaign.email_subject,
            campaign_body=Campaign.email_body,
            campaign_language=Campaign.language,
        )
        .join(Campaign)
        .where(CampaignEmail.id == id)
    )


@compiled(Try)
def tries_of(id: str) -> Query:
    """Return the tries to send a letter that the server did not accept, the first one first."""
    return EmailTry.select_for(Try).where(EmailTry.email == id).order_by(EmailTry.id)
