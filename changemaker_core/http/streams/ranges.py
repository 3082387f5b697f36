"""Ranges and conditions of requests for a file, as RFC 9110 (sections 13 and 14) has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from changemaker_core.cache import etags
from changemaker_core.dates import http_date

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    #: A header's value, its lines joined; ``None`` where it is absent.
    HeaderOf = Callable[[str], str | None]

#: Ranges of one request; more are an attack, and get the whole file.
MAX_RANGES = 16
#: Two ranges with at most so many bytes between them become one: a part's header is longer.
GAP = 80
_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)
#: More digits than any file's size has.
_DIGITS = 18


class ByteRange(NamedTuple):
    """The bytes from ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def ranges_of(header: str, size: int) -> list[ByteRange] | None:
    """Return the ranges of a ``Range`` header that a file of ``size`` bytes has, in their order.

    ``None`` where the header is to be ignored: another unit, a malformed one, or too many. An empty
    list where no range can be satisfied (416). Ranges that overlap become one.

    >>> ranges_of("bytes=0-1, -2", 500), ranges_of("bytes=10-", 10), ranges_of("lines=1-2", 10)
    ([ByteRange(first=0, last=1), ByteRange(first=498, last=499)], [], None)
    """
    unit, _, listed = header.partition("=")
    specs = [spec for each in listed.split(",") if (spec := each.strip(" \t"))]
    if unit.strip().lower() != "bytes" or not specs or len(specs) > MAX_RANGES:
        return None
    found: list[ByteRange] = []
    for spec in specs:
        match = _RANGE.fullmatch(spec)
        if match is None or spec == "-":
            return None
        first, last = (_number(each) for each in match.groups())
        if first is not None and last is not None and last < first:
            return None
        if first is None and last and size == 0:
            return None  # the whole of an empty file: a range names at least one byte
        satisfied = _satisfied(first, last, size)
        if satisfied is not None:
            _add(found, satisfied)
    return found


def _number(digits: str) -> int | None:
    if not digits:
        return None
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def _satisfied(first: int | None, last: int | None, size: int) -> ByteRange | None:
    if first is None:  # the last bytes
        return ByteRange(max(0, size - last), size - 1) if last else None
    if first >= size:
        return None
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))


def _add(found: list[ByteRange], new: ByteRange) -> None:
    """Add a range, merged with those that it overlaps or nearly touches."""
    place = len(found)
    for index in reversed(range(len(found))):
        each = found[index]
        if each.first <= new.last + 1 + GAP and new.first <= each.last + 1 + GAP:
            new = ByteRange(min(each.first, new.first), max(each.last, new.last))
            place = index
            del found[index]
    found.insert(place, new)


def condition(
    header: HeaderOf, etag: str | None, modified: datetime | None, *, reads: bool
) -> Literal["ok", "failed", "not modified"]:
    """Return what the request's preconditions say, in the order of RFC 9110, section 13.2.2.

    ``failed`` is 412, ``not modified`` is 304. ``reads``: the method is GET or HEAD.
    """
    if (value := header("if-match")) is not None:
        if not etags.names(value, etag, weakly=False):
            return "failed"
    elif modified and (since := http_date(header("if-unmodified-since"))) and modified > since:
        return "failed"
    if (value := header("if-none-match")) is not None:
        if etags.names(value, etag):
            return "not modified" if reads else "failed"
    elif reads and modified and (since := http_date(header("if-modified-since"))):
        return "not modified" if modified <= since else "ok"
    return "ok"


def range_applies(
    if_range: str | None, etag: str | None, modified: datetime | None, now: datetime
) -> bool:
    """Whether the client has the beginning of this very file, as ``If-Range`` says it.

    A date counts only where the file has not changed within the last second: it is then a strong
    validator.
    """
    if if_range is None:
        return True
    value = if_range.strip()
    if value.startswith(('"', "W/")):
        return etags.names(value, etag, weakly=False)
    date = http_date(value)
    return date is not None and modified == date and (now - date).total_seconds() >= 1
