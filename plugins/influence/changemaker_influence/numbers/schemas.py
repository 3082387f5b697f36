"""Requests and responses of the API about a campaign's numbers."""

from __future__ import annotations

from datetime import date  # Structs read it when they run
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from changemaker_influence.directories.levels import Level


class DayCount(msgspec.Struct, frozen=True):
    """The messages that were sent on a day of the site's time zone."""

    day: date
    sent: int


class RecipientCount(msgspec.Struct, frozen=True):
    """The messages that were sent to one mailbox. A campaign's own recipients have no level."""

    name: str
    level: str
    district: str
    sent: int


class DistrictCount(msgspec.Struct, frozen=True):
    """The messages that were sent to the representatives of one riding."""

    level: str
    district: str
    sent: int


class LevelCount(msgspec.Struct, frozen=True):
    """The messages that were sent to one level of government; ``None``: to own recipients."""

    level: Level | None
    sent: int


class CampaignStats(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's numbers. ``sent`` and ``failed`` are of all time, ``days`` of those asked for.

    ``goal`` is the number of messages that the campaign aims at now, or ``None``. Of
    ``recipients`` and ``districts`` there are those with most messages, 1,000 at most.
    """

    sent: int
    failed: int
    goal: int | None
    time_zone: str
    days: list[DayCount]
    levels: list[LevelCount]
    districts: list[DistrictCount]
    recipients: list[RecipientCount]


class StatsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``days``: how many, today among them."""

    days: Annotated[int, Meta(ge=1, le=3660)] = 30


class NumbersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of numbers shows, ``all`` from the first message on."""

    days: Literal["30", "90", "all"] = "30"
