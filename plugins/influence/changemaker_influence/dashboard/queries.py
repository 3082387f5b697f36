"""Counts of campaigns and of their letters, of all campaigns or of some of them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # compiled queries read it

from changemaker_core import Query, compiled
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.numbers.models import SentInPeriod
from changemaker_influence.numbers.queries import PeriodCount
from changemaker_influence.states import CampaignStatus  # noqa: TC001  # as above


@compiled(str)
def campaigns_in(statuses: list[CampaignStatus]) -> Query:
    """Return the ids of the campaigns in these statuses."""
    return Campaign.select(Campaign.id).where(Campaign.status.in_(statuses))


@compiled(str)
def some_campaigns_in(statuses: list[CampaignStatus], ids: list[str]) -> Query:
    """Return which of these campaigns are in these statuses."""
    return Campaign.select(Campaign.id).where(Campaign.id.in_(ids), Campaign.status.in_(statuses))


@compiled(PeriodCount)
def sent_by_period(campaigns: list[str], since: datetime) -> Query:
    """Return the half hours since then with the messages that were sent, of each campaign."""
    return SentInPeriod.select_for(PeriodCount).where(
        SentInPeriod.campaign.in_(campaigns), SentInPeriod.period >= since
    )


@compiled(int)
def sent_ever(campaigns: list[str]) -> Query:
    """Return the messages of each of these campaigns that were ever sent."""
    return EmailTally.select(EmailTally.sent).where(EmailTally.campaign.in_(campaigns))
