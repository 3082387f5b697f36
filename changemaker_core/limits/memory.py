"""Limits that protect our own CPU: kept in memory, by address.

One per process; ``shared_limits`` has processes tell each other by Redis, where there is one.

Limits that protect others (mails, sign-ups, requests to a directory) are
:class:`~changemaker_core.db.SlidingWindow` rows instead, the same in every process.
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
#: How many visitors one limit remembers; the one seen least recently is forgotten first.
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds.

    >>> Rate.parse("10/minute")
    Rate(limit=10, seconds=60)
    """

    limit: int
    seconds: int

    @classmethod
    def parse(cls, written: str) -> Rate:
        """Read ``"10/minute"``; raises ValueError for anything else."""
        match = _WRITTEN.fullmatch(written)
        if match is None:
            raise ValueError(f'a rate is written like "10/minute", not {written!r}')
        return cls(int(match[1]), PERIODS[match[2]])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a visitor stands: ``remaining`` requests; ``wait`` seconds until there is one more."""

    rate: Rate
    remaining: int
    wait: float

    @property
    def exceeded(self) -> bool:
        """Whether this request was one too many."""
        return self.remaining < 0

    def headers(self, name: str) -> list[tuple[bytes, bytes]]:
        """``RateLimit`` and its policy, as draft-ietf-httpapi-ratelimit-headers writes them.

        ``name`` tells this limit from another one of the same answer.
        """
        policy = f'"{name}";q={self.rate.limit};w={self.rate.seconds}'
        standing = f'"{name}";r={max(0, self.remaining)};t={math.ceil(self.wait)}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", standing.encode())]


class MemoryWindow:
    """A sliding window for each visitor, from two counters: this period's and the last one's.

    The last period counts by the share of it that still lies within the window, so that the
    memory of a visitor is three numbers, however many requests they send.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def take(self, who: str) -> Standing:
        """Count one request of ``who``. A refused request does not count."""
        now = self._clock()
        period, into = divmod(now, self.rate.seconds)
        last, this = self._shift(who, int(period))
        used = last * (1 - into / self.rate.seconds) + this
        exceeded = used + 1 > self.rate.limit
        self._remember(who, int(period), last, this + (not exceeded))
        if exceeded:
            return Standing(self.rate, -1, self._wait(last, this, into))
        return Standing(self.rate, math.floor(self.rate.limit - used - 1), self.rate.seconds - into)

    def _shift(self, who: str, period: int) -> tuple[int, int]:
        at, last, this = self._counts.get(who, (period, 0, 0))
        if at == period:
            return last, this
        return (this, 0) if at == period - 1 else (0, 0)

    def _remember(self, who: str, period: int, last: int, this: int) -> None:
        self._counts[who] = (period, last, this)
        self._counts.move_to_end(who)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def _wait(self, last: int, this: int, into: float) -> float:
        """Seconds until the weighted sum leaves room for one more request."""
        seconds, room = self.rate.seconds, self.rate.limit - 1
        if this <= room and last:
            return max(0.0, seconds * (1 - (room - this) / last) - into)
        # What this period holds must fade during the next one.
        return seconds - into + seconds * (1 - room / this)


@lru_cache(maxsize=REMEMBERED)
def visitor(address: str) -> str:
    """Whom an address stands for: an IPv6 host commands its whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
