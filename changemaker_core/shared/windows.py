"""Limits that several processes and machines share, by way of Redis."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

from changemaker_core.limits.memory import MemoryWindow, Rate, Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from changemaker_core.shared.store import RedisStore
    from changemaker_core.site import Site

#: Counts that may wait to be told; beyond it, requests are counted by this process alone.
_MOST_UNTOLD = 10_000


def window_for(site: Site, rate: Rate, name: str) -> MemoryWindow:
    """The window of the limit ``name``: shared where Redis is configured, else in memory."""
    if site.redis_store is None:
        return MemoryWindow(rate)
    return SharedWindow(rate, name, site.redis_store, site.config.secret_key)


class SharedWindow(MemoryWindow):
    """A window in memory that tells Redis what it counted, and learns what others counted.

    No request waits for that: counting in Redis first would cost as much of our own CPU as this
    limit is there to save, and a Redis that hangs could hold up everything. So a visitor who asks
    several processes at the same moment may get a few more answers than the limit says, at most
    as many as are under way; and where Redis is away, each process counts for itself.
    """

    def __init__(
        self,
        rate: Rate,
        name: str,
        store: RedisStore,
        secret: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(rate, clock)
        self._name = name
        self._store = store
        self._key = hashlib.blake2b(secret.encode(), person=b"cm-limit-who").digest()
        self._lock = threading.Lock()
        self._untold: dict[tuple[str, int], int] = {}
        self._telling = False

    def take(self, who: str) -> Standing:
        """Count one request of ``who``. A refused request does not count."""
        with self._lock:
            standing = super().take(who)
            if not standing.exceeded and len(self._untold) < _MOST_UNTOLD:
                period = int(self._clock() // self.rate.seconds)
                self._untold[who, period] = self._untold.get((who, period), 0) + 1
        if not standing.exceeded:
            self._tell()
        return standing

    def _tell(self) -> None:
        with self._lock:
            if self._telling or not self._untold:
                return
            if self._store.is_away:
                self._untold.clear()
                return
            self._telling = True
        sent = self._store.send(self._exchange)
        if sent is None:
            self._telling = False
        else:
            sent.add_done_callback(lambda _: self._told())

    def _told(self) -> None:
        with self._lock:
            self._telling = False
        self._tell()  # what was counted meanwhile

    def _exchange(self, client: Redis) -> None:
        """Tell what was counted and learn the sums, in one round trip."""
        with self._lock:
            counted, self._untold = self._untold, {}
        pipeline = client.pipeline(transaction=False)
        for (who, period), count in counted.items():
            pipeline.incrby(self._place(who, period), count)
            pipeline.expire(self._place(who, period), 2 * self.rate.seconds + 1)
            pipeline.get(self._place(who, period - 1))
        answers: list[Any] = pipeline.execute()
        with self._lock:
            for (who, period), this, last in zip(counted, answers[::3], answers[2::3], strict=True):
                self._learn(who, period, int(last or 0), int(this))

    def _learn(self, who: str, period: int, last: int, this: int) -> None:
        now = int(self._clock() // self.rate.seconds)
        if now != period:
            return
        own_last, own_this = self._shift(who, period)
        this += self._untold.get((who, period), 0)
        self._remember(who, period, max(last, own_last), max(this, own_this))

    def _place(self, who: str, period: int) -> str:
        # NOTE(privacy): an address is personal data, and Redis may be shared.
        told = f"{self._name}\0{self.rate}\0{who}".encode()
        digest = hashlib.blake2b(told, key=self._key, digest_size=16).hexdigest()
        return f"changemaker:limit:{digest}:{period}"
