"""A circuit breaker: no waiting for a server that has just failed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.outgoing.errors import OutgoingError

if TYPE_CHECKING:
    from collections.abc import Callable


class BreakerOpen(OutgoingError):
    """The breaker is open: the service failed, and ``retry_after`` has not passed yet."""

    def __init__(self, name: str, retry_after: timedelta) -> None:
        super().__init__(f"{name} failed a moment ago")
        self.retry_after = retry_after


class Breaker:
    """Fails at once for a while after repeated failures of the service ``name``.

    After ``failures`` in a row it opens for ``pause``; where the service sends ``Retry-After``,
    at once and for that time, but at most ``max_pause``. Then one request is a trial: the others
    fail at once until it succeeds. Each process has its own.

    Given to a client (``Outgoing(url, breaker=Breaker("directory"))``), it counts by itself: lost
    connections, deadlines, statuses of 500 and more, and 429. A response that cannot be used for
    its content, whatever is wrong with it, is a success: the service responds.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        pause: timedelta = timedelta(seconds=15),
        max_pause: timedelta = timedelta(minutes=1),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._limit = failures
        self._pause = pause
        self._max_pause = max_pause
        self._clock = clock
        self._failures = 0
        self._opened = False
        self._on_trial = False
        self._until = clock()

    def check(self) -> None:
        """Raise ``BreakerOpen`` while the breaker is open; for work to be saved before a request.

        A client with a breaker checks it by itself.
        """
        left = self._until - self._clock()
        if left > 0:
            raise BreakerOpen(self._name, timedelta(seconds=left))

    def begin(self) -> None:
        """Check, and count a request that begins. After a pause, it is the trial."""
        self.check()
        if self._opened:
            self._open_for(self._pause)
            self._on_trial = True

    def record_failure(self, retry_after: timedelta | None = None) -> None:
        """Count a failure; ``retry_after`` is what the service sent, if anything."""
        self._failures += 1
        if retry_after is not None:
            self._open_for(min(retry_after, self._max_pause))
        elif self._failures >= self._limit:
            self._open_for(self._pause)

    def record_success(self) -> None:
        """Start counting again; after a trial, close the breaker.

        A request that began before the breaker opened does not close it.
        """
        self._failures = 0
        if self._on_trial:
            self._opened = self._on_trial = False
            self._until = self._clock()

    def _open_for(self, period: timedelta) -> None:
        self._opened, self._on_trial = True, False
        self._until = self._clock() + period.total_seconds()
