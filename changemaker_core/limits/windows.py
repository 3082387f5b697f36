"""Rate limits that protect our own CPU, counted in memory for each visitor.

Each process counts for itself; with Redis, ``shared.windows`` adds up what all processes counted.
Limits that protect others (mails, sign-ups, requests to a directory) are rows of the database
instead, exact over all processes: :class:`~changemaker_core.db.SlidingWindow`.
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_WRITTEN = re.compile(r"([1-9]\d*)/(second|minute|hour|day)")
#: Visitors that one limit counts; beyond it, the one seen least recently is dropped.
MAX_VISITORS = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` requests in ``seconds``.

    >>> Rate.parse("10/minute")
    Rate(limit=10, seconds=60)
    """

    limit: int
    seconds: int

    @classmethod
    def parse(cls, written: str) -> Rate:
        """Parse ``"10/minute"``; raises ValueError for anything else."""
        match = _WRITTEN.fullmatch(written)
        if match is None:
            raise ValueError(f'a rate is written like "10/minute", not {written!r}')
        return cls(int(match[1]), PERIODS[match[2]])


@dataclass(frozen=True, slots=True)
class RateStatus:
    """What a visitor has left: ``remaining`` requests; ``wait`` seconds until there is one more."""

    rate: Rate
    remaining: int
    wait: float

    @property
    def exceeded(self) -> bool:
        """Whether this request is beyond the limit."""
        return self.remaining < 0

    def headers(self, name: str) -> list[tuple[str, str]]:
        """Return ``RateLimit`` and its policy, as in draft-ietf-httpapi-ratelimit-headers.

        ``name`` tells this limit from another one of the same response.
        """
        policy = f'"{name}";q={self.rate.limit};w={self.rate.seconds}'
        status = f'"{name}";r={max(0, self.remaining)};t={math.ceil(self.wait)}'
        return [("RateLimit-Policy", policy), ("RateLimit", status)]


class MemoryWindow:
    """A sliding window for each visitor, from two counters: this period's and the last one's.

    The last period counts by the share of it that still lies within the window, so that the
    memory of a visitor is three numbers, however many requests they send.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def take(self, visitor: str) -> RateStatus:
        """Count one request of ``visitor``. A rejected request does not count."""
        now = self._clock()
        period, into = divmod(now, self.rate.seconds)
        last, this = self._shift(visitor, int(period))
        used = last * (1 - into / self.rate.seconds) + this
        exceeded = used + 1 > self.rate.limit
        self._remember(visitor, int(period), last, this + (not exceeded))
        if exceeded:
            return RateStatus(self.rate, -1, self._wait(last, this, into))
        remaining = math.floor(self.rate.limit - used - 1)
        return RateStatus(self.rate, remaining, self.rate.seconds - into)

    def _shift(self, visitor: str, period: int) -> tuple[int, int]:
        at, last, this = self._counts.get(visitor, (period, 0, 0))
        if at == period:
            return last, this
        return (this, 0) if at == period - 1 else (0, 0)

    def _remember(self, visitor: str, period: int, last: int, this: int) -> None:
        self._counts[visitor] = (period, last, this)
        self._counts.move_to_end(visitor)
        if len(self._counts) > MAX_VISITORS:
            self._counts.popitem(last=False)

    def _wait(self, last: int, this: int, into: float) -> float:
        """Seconds until the weighted sum leaves room for one more request."""
        seconds, room = self.rate.seconds, self.rate.limit - 1
        if this <= room and last:
            return max(0.0, seconds * (1 - (room - this) / last) - into)
        # What this period holds must fade during the next one.
        return seconds - into + seconds * (1 - room / this)


@lru_cache(maxsize=MAX_VISITORS)
def visitor_key(address: str) -> str:
    """Return what limits count an address as: a host of IPv6 commands its whole /64.

    >>> visitor_key("203.0.113.7"), visitor_key("::ffff:203.0.113.7"), visitor_key("2001:db8::1:2")
    ('203.0.113.7', '203.0.113.7', '2001:db8::/64')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:  # as a socket for both versions shows it
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
