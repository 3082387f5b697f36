"""Times as a clock on a wall shows them, and as form fields carry them, in a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from changemaker_core.text import Text

if TYPE_CHECKING:
    from datetime import time

#: As a ``datetime-local`` field sends it; a browser without such fields lets people type a space.
_LOCAL: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?")
_TIME: Final = re.compile(r"\d\d:\d\d")


class NoSuchTime(ValueError):
    """The clocks go forward past this time; ``text`` says so to the person who typed it."""

    def __init__(self, local: datetime) -> None:
        self.text = Text(
            "The clocks go forward on that day: there is no {time}. Choose a later time.",
            time=f"{local:%H:%M}",
        )
        super().__init__(str(self.text))


def to_moment(typed: str, zone: str) -> str:
    """Return what a ``datetime-local`` field sent as the moment in ISO 8601, in UTC.

    Of a time that comes twice, as the clocks go back, it is the earlier one. Other text, such as a
    moment with an offset, is returned as it is. Raise ``NoSuchTime`` for a time that they skip.

    >>> to_moment("2026-07-01T18:30", "America/Edmonton")
    '2026-07-02T00:30:00+00:00'
    """
    naive = _parse(typed)
    if naive is None:
        return typed
    place = ZoneInfo(zone)
    try:
        moment = naive.replace(tzinfo=place).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None) != naive:
            raise NoSuchTime(naive)
    except OverflowError:  # at the very ends of the calendar
        return typed
    return moment.isoformat()


def to_naive(typed: str) -> str:
    """Return what a ``datetime-local`` field sent in ISO 8601, with seconds and without a zone."""
    naive = _parse(typed)
    return typed if naive is None else naive.isoformat()


def to_time(typed: str) -> str:
    """Return what a ``time`` field sent in ISO 8601, with seconds.

    >>> to_time("18:30")
    '18:30:00'
    """
    return f"{typed}:00" if _TIME.fullmatch(typed) else typed


def field_of_moment(moment: datetime, zone: str) -> str:
    """Return a moment as a ``datetime-local`` field takes it; one without a zone as it is."""
    local = moment.astimezone(ZoneInfo(zone)) if moment.tzinfo is not None else moment
    return _written(local.replace(tzinfo=None))


def field_of_time(value: time) -> str:
    """Return a time as a ``time`` field takes it."""
    return _written(value.replace(tzinfo=None))


def _written(value: datetime | time) -> str:
    exact = value.second or value.microsecond
    if isinstance(value, datetime):
        return value.isoformat(timespec="auto" if exact else "minutes")
    return value.isoformat("auto" if exact else "minutes")


def _parse(typed: str) -> datetime | None:
    found = _LOCAL.fullmatch(typed)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
    except ValueError:
        return None
