"""Rate limits that several processes and machines share through Redis."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

from changemaker_core.limits.windows import MemoryWindow, Rate, RateStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from changemaker_core.shared.optional_redis import OptionalRedis
    from changemaker_core.site import Site

#: Counts that may wait to be sent; beyond it, requests are counted by this process alone.
_MAX_UNSENT = 10_000


def window_for(site: Site, rate: Rate, name: str) -> MemoryWindow:
    """Return the window of the limit ``name``: shared where Redis is configured, else in memory."""
    if site.redis is None:
        return MemoryWindow(rate)
    return SharedWindow(rate, name, site.redis, site.config.secret_key)


class SharedWindow(MemoryWindow):
    """A window in memory that sends its counts to Redis, and merges what others counted.

    No request waits for that: counting in Redis first would cost as much of our own CPU as this
    limit is there to save, and a Redis that hangs could delay every request. So a visitor who
    sends requests to several processes at once may exceed the limit by as many as are under way;
    and while Redis is down, each process counts for itself.
    """

    def __init__(
        self,
        rate: Rate,
        name: str,
        redis: OptionalRedis,
        secret: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(rate, clock)
        self._name = name
        self._redis = redis
        self._hash_key = hashlib.blake2b(secret.encode(), person=b"cm-limit-who").digest()
        self._lock = threading.Lock()
        self._unsent: dict[tuple[str, int], int] = {}
        self._sending = False

    def take(self, visitor: str) -> RateStatus:
        """Count one request of ``visitor``. A refused request does not count."""
        with self._lock:
            standing = super().take(visitor)
            if not standing.exceeded and len(self._unsent) < _MAX_UNSENT:
                period = int(self._clock() // self.rate.seconds)
                self._unsent[visitor, period] = self._unsent.get((visitor, period), 0) + 1
        if not standing.exceeded:
            self._send()
        return standing

    def _send(self) -> None:
        with self._lock:
            if self._sending or not self._unsent:
                return
            if self._redis.is_down:
                self._unsent.clear()
                return
            self._sending = True
        sent = self._redis.submit(self._exchange)
        if sent is None:
            self._sending = False
        else:
            sent.add_done_callback(lambda _: self._on_sent())

    def _on_sent(self) -> None:
        with self._lock:
            self._sending = False
        self._send()  # what was counted meanwhile

    def _exchange(self, client: Redis) -> None:
        """Send the counts and merge the sums, in one round trip."""
        with self._lock:
            counted, self._unsent = self._unsent, {}
        pipeline = client.pipeline(transaction=False)
        for (visitor, period), count in counted.items():
            pipeline.incrby(self._key(visitor, period), count)
            pipeline.expire(self._key(visitor, period), 2 * self.rate.seconds + 1)
            pipeline.get(self._key(visitor, period - 1))
        replies: list[Any] = pipeline.execute()
        with self._lock:
            for (visitor, period), this, last in zip(
                counted, replies[::3], replies[2::3], strict=True
            ):
                self._merge(visitor, period, int(last or 0), int(this))

    def _merge(self, visitor: str, period: int, last: int, this: int) -> None:
        now = int(self._clock() // self.rate.seconds)
        if now != period:
            return
        own_last, own_this = self._shift(visitor, period)
        this += self._unsent.get((visitor, period), 0)
        self._remember(visitor, period, max(last, own_last), max(this, own_this))

    def _key(self, visitor: str, period: int) -> str:
        # NOTE(privacy): an address is personal data, and Redis may be shared.
        subject = f"{self._name}\0{self.rate}\0{visitor}".encode()
        digest = hashlib.blake2b(subject, key=self._hash_key, digest_size=16).hexdigest()
        return f"changemaker:limit:{digest}:{period}"
