"""Reads of campaigns."""

from __future__ import annotations

from datetime import datetime  # Structs and queries read it when they run
from typing import Any, Final, Literal

import msgspec
import peewee

from changemaker_core import Query, compiled, search
from changemaker_influence.campaigns.goals import goal_now
from changemaker_influence.campaigns.models import (
    Campaign,
    CampaignText,
    CustomRecipient,
    EmailTally,
    FormerSlug,
)
from changemaker_influence.campaigns.schemas import (
    CampaignCard,
    CampaignFields,
    CampaignOut,
    CampaignRow,
    RecipientOut,
)
from changemaker_influence.states import CampaignStatus  # noqa: TC001  # as above

#: More recipients would be a mailing list and not a campaign.
MAX_CUSTOM_RECIPIENTS: Final = 100
#: How long a public response is cached while nothing is written: a campaign starts and ends at a
#: time, which no write announces.
CACHE_SECONDS: Final = 30


class PublishedCampaign(CampaignFields, frozen=True, kw_only=True):
    """A campaign that was published; ``sent`` counts its messages."""

    status: CampaignStatus
    allow_custom_recipients: bool
    sent: int

    def is_open(self, now: datetime) -> bool:
        """Return whether the campaign accepts messages at ``now``."""
        return self.closed_reason(now) is None

    def closed_reason(self, now: datetime) -> Literal["ended", "paused", "not_started"] | None:
        """Return why the campaign accepts no messages at ``now``; ``None`` where it does."""
        if self.status == "ARCHIVED" or (self.ends_at is not None and self.ends_at <= now):
            return "ended"
        if self.status != "ACTIVE":
            return "paused"
        if self.starts_at is not None and self.starts_at > now:
            return "not_started"
        return None

    @property
    def goal_now(self) -> int | None:
        """The number of messages to show as the goal, where the campaign shows its count."""
        return goal_now(self.goal, self.sent) if self.show_email_count else None

    @property
    def email_count(self) -> int | None:
        """The number of messages sent, where the campaign shows it."""
        return self.sent if self.show_email_count else None


def as_published(campaign: CampaignOut, sent: int = 0) -> PublishedCampaign:
    """Return a campaign as its public page would show it, whether it is published or not."""
    known = {**msgspec.structs.asdict(campaign), "sent": sent}
    return PublishedCampaign(**{name: known[name] for name in PublishedCampaign.__struct_fields__})


@compiled(CampaignOut)
def campaign_by_id(id: str) -> Query:
    """Return a campaign for its organisers."""
    return Campaign.select_for(CampaignOut).where(Campaign.id == id)


@compiled(str)
def title_of(id: str) -> Query:
    """Return the title of a campaign."""
    return Campaign.select(Campaign.title).where(Campaign.id == id)


class Titled(msgspec.Struct, frozen=True):
    """A campaign, by its title."""

    id: str
    title: str


@compiled(Titled)
def titled(text: str | None = None, limit: int = 20) -> Query:
    """Some campaigns, the newest first; with ``text``, those that have it in their title."""
    query = Campaign.select_for(Titled)
    if text is not None:
        query = query.where(search(Campaign.title, text))
    return query.order_by(Campaign.id.desc()).limit(limit)


@compiled(CampaignOut)
def campaigns(
    ids: list[str] | None = None,
    status: str | None = None,
    text: str | None = None,
    before: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Return all campaigns, newest first; with ``ids``, some of these; with ``before``, those older
    than that id; with ``text``, those that have it in their title or slug."""
    query = Campaign.select_for(CampaignOut)
    if ids is not None:
        query = query.where(Campaign.id.in_(ids))
    if status is not None:
        query = query.where(Campaign.status == status)
    if text is not None:
        query = query.where(search(Campaign.title, text) | search(Campaign.slug, text))
    if before is not None:
        query = query.where(Campaign.id < before)
    return query.order_by(Campaign.id.desc()).limit(limit).offset(offset)


@compiled(CampaignRow)
def campaign_rows(
    status: str | None = None, q: str | None = None, objects: list[str] | None = None
) -> Query:
    """Return campaigns for the organisers' list, which adds an order and a limit."""
    query = Campaign.select_for(CampaignRow, sent=EmailTally.sent).join(
        EmailTally, peewee.JOIN.LEFT_OUTER, on=EmailTally.campaign == Campaign.id
    )
    if status is not None:
        query = query.where(Campaign.status == status)
    if q is not None:
        query = query.where(search(Campaign.title, q) | search(Campaign.slug, q))
    if objects is not None:
        query = query.where(Campaign.id.in_(objects))
    return query


@compiled(str)
def id_of_slug(slug: str) -> Query:
    """Return the id of the campaign with this slug, published or not."""
    return Campaign.select(Campaign.id).where(Campaign.slug == slug)


@compiled(str)
def id_of_former_slug(slug: str) -> Query:
    """Return the id of the campaign that once had this slug, and has another one now."""
    return FormerSlug.select(FormerSlug.campaign).where(FormerSlug.slug == slug)


@compiled(PublishedCampaign)
def published_by_former_slug(slug: str) -> Query:
    """Return a published campaign by a slug that it had before."""
    former = FormerSlug.select(FormerSlug.campaign).where(FormerSlug.slug == slug)
    return _published().where(Campaign.id == former)


@compiled(PublishedCampaign)
def published_by_slug(slug: str) -> Query:
    """Return a published campaign by its slug."""
    return _published().where(Campaign.slug == slug)


@compiled(PublishedCampaign)
def published_by_id(id: str) -> Query:
    """Return a published campaign."""
    return _published().where(Campaign.id == id)


@compiled(CampaignCard)
def open_campaigns(
    now: datetime,
    before: datetime | None = None,
    before_id: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Return the campaigns that accept messages at ``now``, latest first.

    The rule is that of :meth:`PublishedCampaign.is_open`. With ``before`` and ``before_id``, those
    that follow the campaign that was published then.
    """
    count = peewee.Case(None, [(Campaign.show_email_count, EmailTally.sent)])
    query = (
        Campaign.select_for(CampaignCard, email_count=count)
        # NOTE(performance): each of these has a tally; with an outer join, COUNT can leave it out.
        .join(EmailTally, peewee.JOIN.LEFT_OUTER, on=EmailTally.campaign == Campaign.id)
        .where(*_is_open(now))
        .order_by(Campaign.published_at.desc(), Campaign.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if before is not None:
        same_moment = (Campaign.published_at == before) & (Campaign.id < before_id)
        query = query.where((Campaign.published_at < before) | same_moment)
    return query


@compiled(str)
def cover_photos(limit: int = 1_000_000) -> Query:
    """Return the cover photos of all campaigns."""
    return Campaign.select(Campaign.cover_photo).where(Campaign.cover_photo != "").limit(limit)


class CampaignPage(msgspec.Struct, frozen=True):
    """The page of a campaign, for the sitemap."""

    slug: str
    updated_at: datetime


@compiled(CampaignPage)
def open_pages(now: datetime, limit: int = 100, offset: int = 0) -> Query:
    """Return the campaigns that accept messages at ``now``, the oldest first."""
    return (
        Campaign.select_for(CampaignPage)
        .where(*_is_open(now))
        .order_by(Campaign.published_at, Campaign.id)
        .limit(limit)
        .offset(offset)
    )


class StoredText(msgspec.Struct, frozen=True, kw_only=True):
    """A text of a campaign in another language."""

    campaign_id: str
    language: str
    field: str
    text: str
    original: str
    updated_at: datetime
    updated_by: str | None


@compiled(StoredText)
def texts_of(campaign_id: str, language: str | None = None) -> Query:
    """Return a campaign's texts in other languages, or in one of these."""
    selected = CampaignText.select_for(StoredText, campaign_id=CampaignText.campaign)
    query = selected.where(CampaignText.campaign == campaign_id)
    if language is not None:
        query = query.where(CampaignText.language == language)
    return query


@compiled(StoredText)
def texts_in(language: str, campaign_ids: list[str]) -> Query:
    """Return the texts of some campaigns in a language."""
    selected = CampaignText.select_for(StoredText, campaign_id=CampaignText.campaign)
    return selected.where(
        CampaignText.campaign.in_(campaign_ids), CampaignText.language == language
    )


@compiled(RecipientOut)
def custom_recipients(
    campaign_id: str, limit: int = MAX_CUSTOM_RECIPIENTS, offset: int = 0
) -> Query:
    """Return a campaign's own recipients, by name."""
    return (
        CustomRecipient.select_for(RecipientOut)
        .where(CustomRecipient.campaign == campaign_id)
        .order_by(CustomRecipient.name, CustomRecipient.id)
        .limit(limit)
        .offset(offset)
    )


@compiled(RecipientOut)
def custom_recipient(campaign_id: str, id: str) -> Query:
    """Return one of a campaign's own recipients."""
    selected = CustomRecipient.select_for(RecipientOut)
    return selected.where(CustomRecipient.id == id, CustomRecipient.campaign == campaign_id)


def _is_open(now: Any) -> tuple[Any, ...]:
    """Return the conditions of :meth:`PublishedCampaign.is_open`."""
    started = Campaign.starts_at.is_null() | (Campaign.starts_at <= now)
    not_ended = Campaign.ends_at.is_null() | (Campaign.ends_at > now)
    return Campaign.status == "ACTIVE", started, not_ended


def _published() -> Query:
    return (
        Campaign.select_for(PublishedCampaign, sent=EmailTally.sent)
        .join(EmailTally, on=EmailTally.campaign == Campaign.id)
        .where(Campaign.published_at.is_null(False))
    )
