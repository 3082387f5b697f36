"""Reads of campaigns."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # Structs and queries read it when they run
from typing import TYPE_CHECKING, Any, Final, Literal

import peewee

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign, CustomRecipient
from changemaker_influence.campaigns.schemas import (
    CampaignOut,
    PublicCard,
    RecipientOut,
    Shown,
)
from changemaker_influence.emails.models import EmailTally
from changemaker_influence.states import CampaignStatus  # noqa: TC001  # as above

if TYPE_CHECKING:
    import msgspec


class CampaignView(Shown, frozen=True, kw_only=True):
    """What the public side needs to know of a campaign; ``sent`` counts its messages."""

    status: CampaignStatus
    allow_custom_recipients: bool
    sent: int

    def is_open(self, now: datetime) -> bool:
        """Whether messages are taken at ``now``."""
        return self.why_closed(now) is None

    def why_closed(self, now: datetime) -> Literal["ended", "paused", "not_started"] | None:
        """Why no messages are taken at ``now``; ``None`` where they are."""
        if self.status == "ARCHIVED" or (self.ends_at is not None and self.ends_at <= now):
            return "ended"
        if self.status != "ACTIVE":
            return "paused"
        if self.starts_at is not None and self.starts_at > now:
            return "not_started"
        return None

    @property
    def email_count(self) -> int | None:
        """How many were sent, where the campaign shows it."""
        return self.sent if self.show_email_count else None


#: More would be a mailing list and not a campaign.
MAX_CUSTOM_RECIPIENTS: Final = 100


def _columns(row: type[msgspec.Struct], *left_out: str) -> list[peewee.Field[Any]]:
    return [getattr(Campaign, name) for name in row.__struct_fields__ if name not in left_out]


_OUT = _columns(CampaignOut)
_VIEW = [*_columns(CampaignView, "sent"), EmailTally.sent]
_CARD = [
    *_columns(PublicCard, "email_count"),
    peewee.Case(None, [(Campaign.show_email_count, EmailTally.sent)]).alias("email_count"),
]


@compiled(CampaignOut)
def campaign_by_id(id: str) -> Query:
    """A campaign for its organisers."""
    return Campaign.select(*_OUT).where(Campaign.id == id)


@compiled(CampaignOut)
def campaigns(
    status: str | None = None, before: str | None = None, limit: int = 51, offset: int = 0
) -> Query:
    """Every campaign, newest first; those that were made before the one of the id ``before``."""
    query = Campaign.select(*_OUT)
    if status is not None:
        query = query.where(Campaign.status == status)
    if before is not None:
        query = query.where(Campaign.id < before)
    return query.order_by(Campaign.id.desc()).limit(limit).offset(offset)


@compiled(str)
def id_of_slug(slug: str) -> Query:
    """The campaign that has this address, public or not."""
    return Campaign.select(Campaign.id).where(Campaign.slug == slug)


@compiled(CampaignView)
def view_by_slug(slug: str) -> Query:
    """A campaign that the public may see, under its address."""
    return _public().where(Campaign.slug == slug)


@compiled(CampaignView)
def view_by_id(id: str) -> Query:
    """A campaign that the public may see."""
    return _public().where(Campaign.id == id)


@compiled(PublicCard)
def open_campaigns(
    now: datetime,
    before: datetime | None = None,
    before_id: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Campaigns that take messages at ``now`` (:meth:`CampaignView.is_open`), the latest first.

    With ``before`` and ``before_id``: those that come after the campaign published then.
    """
    begun = Campaign.starts_at.is_null() | (Campaign.starts_at <= now)
    not_over = Campaign.ends_at.is_null() | (Campaign.ends_at > now)
    query = (
        Campaign.select(*_CARD)
        # Every one of these has a tally. Said with an outer join, counting can leave it out.
        .join(EmailTally, peewee.JOIN.LEFT_OUTER, on=EmailTally.campaign == Campaign.id)
        .where(Campaign.status == "ACTIVE", begun, not_over)
        .order_by(Campaign.published_at.desc(), Campaign.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if before is not None:
        same_moment = (Campaign.published_at == before) & (Campaign.id < before_id)
        query = query.where((Campaign.published_at < before) | same_moment)
    return query


@compiled(RecipientOut)
def custom_recipients(
    campaign_id: str, limit: int = MAX_CUSTOM_RECIPIENTS, offset: int = 0
) -> Query:
    """Those whom a campaign adds, by name."""
    return (
        CustomRecipient.select(
            CustomRecipient.id, CustomRecipient.name, CustomRecipient.title, CustomRecipient.email
        )
        .where(CustomRecipient.campaign == campaign_id)
        .order_by(CustomRecipient.name, CustomRecipient.id)
        .limit(limit)
        .offset(offset)
    )


def _public() -> Query:
    return (
        Campaign.select(*_VIEW)
        .join(EmailTally, on=EmailTally.campaign == Campaign.id)
        .where(Campaign.published_at.is_null(False))
    )
