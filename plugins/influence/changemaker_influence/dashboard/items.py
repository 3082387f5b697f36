"""The cards and the first steps of campaigns."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from changemaker_admin.api import Card, Step
from changemaker_core import Text
from changemaker_influence.campaigns.permissions import READ, WRITE
from changemaker_influence.dashboard import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Site
    from changemaker_influence.states import CampaignStatus

_PUBLISHED: Final[list[CampaignStatus]] = ["ACTIVE", "PAUSED", "ARCHIVED"]


async def _sent(
    site: Site, objects: Sequence[str] | None, first: date, last: date
) -> dict[date, int]:
    """Return how many letters left on each day."""
    zone = ZoneInfo(site.time_zone)
    since = datetime.combine(first, time.min, zone).astimezone(UTC)
    campaigns = await _campaigns(site, objects, _PUBLISHED)
    by_day: Counter[date] = Counter()
    for each in await site.db.all(queries.sent_by_period(campaigns, since)):
        by_day[each.period.astimezone(zone).date()] += each.sent
    return by_day


async def _ever(site: Site, objects: Sequence[str] | None) -> int:
    campaigns = await _campaigns(site, objects, _PUBLISHED)
    return sum(await site.db.all(queries.sent_ever(campaigns)))


async def _live(site: Site, objects: Sequence[str] | None) -> int:
    return len(await _campaigns(site, objects, ["ACTIVE"]))


async def _campaigns(
    site: Site, objects: Sequence[str] | None, statuses: list[CampaignStatus]
) -> list[str]:
    if objects is None:
        return await site.db.all(queries.campaigns_in(statuses))
    return await site.db.all(queries.some_campaigns_in(statuses, list(objects)))


async def _has_campaign(site: Site) -> bool:
    return bool(await site.db.all(queries.campaigns_in(["DRAFT", *_PUBLISHED])))


async def _was_published(site: Site) -> bool:
    return bool(await site.db.all(queries.campaigns_in(["ACTIVE", "PAUSED"])))


def cards() -> list[Card]:
    """Return the cards of campaigns."""
    return [
        Card(
            "influence.sent",
            Text("Letters sent"),
            READ,
            daily=_sent,
            link="/admin/campaigns",
            on="*",
            order=10,
        ),
        Card(
            "influence.ever",
            Text("Letters sent since the beginning"),
            READ,
            number=_ever,
            on="*",
            order=20,
        ),
        Card(
            "influence.live",
            Text("Campaigns that are live"),
            READ,
            number=_live,
            link="/admin/campaigns",
            on="*",
            order=30,
        ),
    ]


def steps() -> list[Step]:
    """Return the first steps of campaigns."""
    return [
        Step(
            "influence.campaign",
            Text("Write your first campaign"),
            WRITE,
            _has_campaign,
            "/admin/campaigns/new",
            Text("A title, what it is about, and the letter that supporters send."),
            order=30,
        ),
        Step(
            "influence.publish",
            Text("Look at it as a supporter does, and publish it"),
            WRITE,
            _was_published,
            "/admin/campaigns",
            Text("The preview shows each page; a test letter goes to you alone."),
            order=40,
        ),
    ]
