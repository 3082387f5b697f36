"""Dates in headers of HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(value: str | None) -> datetime | None:
    """Return a date of HTTP, in any of its three forms, in UTC; ``None`` where it is none.

    Whatever the other side sends is no exception: a year or an offset beyond all bounds neither.
    """
    if value is None:
        return None
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
