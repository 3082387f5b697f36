"""Reads of tallies."""

from __future__ import annotations

from datetime import datetime  # Structs and queries read it when they run
from typing import Final

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.numbers.models import SentInPeriod, SentToRecipient
from changemaker_influence.numbers.schemas import DistrictCount, RecipientCount

#: Recipients and ridings that a page and the API show; a file has all of them.
MOST: Final = 1_000


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's totals, ``None`` before it was published, and the goal that was set."""

    sent: int | None
    failed: int | None
    goal: int | None


class PeriodCount(msgspec.Struct, frozen=True):
    """The messages that were sent in the half hour from ``period`` on."""

    period: datetime
    sent: int


@compiled(Totals)
def totals_of(campaign_id: str) -> Query:
    """Return a campaign's totals."""
    return (
        Campaign.select_for(Totals, sent=EmailTally.sent, failed=EmailTally.failed)
        .join(EmailTally, peewee.JOIN.LEFT_OUTER, on=EmailTally.campaign == Campaign.id)
        .where(Campaign.id == campaign_id)
    )


@compiled(PeriodCount)
def periods_of(campaign_id: str, since: datetime | None = None) -> Query:
    """Return the half hours in which messages of a campaign were sent, oldest first."""
    query = SentInPeriod.select_for(PeriodCount).where(SentInPeriod.campaign == campaign_id)
    if since is not None:
        query = query.where(SentInPeriod.period >= since)
    return query.order_by(SentInPeriod.period)


@compiled(RecipientCount)
def recipients_of(campaign_id: str, limit: int | None = MOST) -> Query:
    """Return a campaign's recipients, those with most messages first."""
    return (
        SentToRecipient.select_for(RecipientCount)
        .where(SentToRecipient.campaign == campaign_id)
        .order_by(SentToRecipient.sent.desc())
        .limit(limit)
    )


@compiled(DistrictCount)
def districts_of(campaign_id: str) -> Query:
    """Return the messages by level and riding, ``""`` where it is not known."""
    sent = peewee.fn.SUM(SentToRecipient.sent).cast("BIGINT")
    return (
        SentToRecipient.select_for(DistrictCount, sent=sent)
        .where(SentToRecipient.campaign == campaign_id)
        .group_by(SentToRecipient.level, SentToRecipient.district)
    )
