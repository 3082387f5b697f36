"""The cache of complete responses in front of routing, and of values beside them.

A response is dropped by ``_on_change`` when a row or table that it was read from has changed, by
``get`` once it has expired, and by ``_store`` when the cache is full.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from changemaker_core.cache.responses import CachedResponse, CompleteResponse
from changemaker_core.cache.values import ValueCache
from changemaker_core.db import read_tags
from changemaker_core.db.tracking import channels_to_notify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable

    from changemaker_core.db.postgresql.notifications import Tokens
    from changemaker_core.db.tracking import Changes

    Fill = Callable[[], Awaitable[CompleteResponse]]

V = TypeVar("V")

#: No response may take more than this fraction of the cache.
_LARGEST_FRACTION = 8


class SecondLevel(Protocol):
    """A cache that processes on several machines share; ``changemaker_core.shared`` has it."""

    async def begin(self) -> Tokens | None:
        """Return the present state of the tables, for ``find`` and ``store``; None: unavailable."""

    async def find(
        self, key: Hashable, tokens: Tokens, seconds: float
    ) -> tuple[CachedResponse, float] | None:
        """Return a response that is valid for ``tokens``, and how many seconds it is still valid
        (at most ``seconds``). The caller sets its ``expires``."""

    def store(self, key: Hashable, tokens: Tokens, seconds: float, cached: CachedResponse) -> None:
        """Store a response for ``seconds``; it was made after ``begin`` returned ``tokens``."""


class ResponseCache:
    """The cached responses of one process.

    The tags of a response, the tables and rows that it was read from, are collected while it is
    made, so that no author has to name them. All methods must be called on the event loop's thread,
    on which ``changes`` calls back.
    """

    def __init__(
        self,
        changes: Changes,
        *,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        second: SecondLevel | None = None,
        always: frozenset[str] = frozenset(),
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._second = second
        self._always = always
        self._responses: OrderedDict[Hashable, CachedResponse] = OrderedDict()
        self._by_channel: dict[str, set[Hashable]] = {}
        self._bytes = 0
        self._flights: dict[Hashable, _Flight] = {}
        # Counts notifications; `_changed_at` has the count at the last one of each channel.
        self._generation = 0
        self._changed_at: dict[str, int] = {}
        self._flushed_at = 0
        self._values = ValueCache(self, clock)
        self._check = changes.check
        changes.subscribe(self._on_change)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._responses)

    def __contains__(self, key: object) -> bool:
        return key in self._responses

    def get(self, key: Hashable) -> CachedResponse | None:
        """Return the valid response under ``key``, if there is one."""
        cached = self._responses.get(key)
        if cached is None:
            return None
        if cached.expires <= self._clock():
            self._drop(key)
            return None
        self._responses.move_to_end(key)
        return cached

    async def get_or_fill(
        self, key: Hashable, seconds: float, fill: Fill
    ) -> CachedResponse | CompleteResponse:
        """Return the response under ``key``, or what ``fill()`` returns, cached for ``seconds``.

        Of many callers that miss at once, one runs ``fill`` and the others wait for it, unless
        something changed since it began: a response is never older than the request it is for. One
        that is not shareable is returned to its own caller, and not cached.
        """
        while True:
            if (cached := self.get(key)) is not None:
                return cached
            flight = self._flights.get(key)
            if flight is None or flight.generation != self._generation:
                return await self._fill(key, seconds, fill)
            if (shared := await flight.result()) is not None:
                return shared
            if flight.unshared:
                return await fill()

    async def get_or_make(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[V]],
        *,
        seconds: float,
        type: Any = Any,
        tags: Iterable[str] = (),
        stale_for: float = 0.0,
    ) -> V:
        """Return the value under ``key``, or what ``await make()`` returns, cached for ``seconds``.

        Begin ``key`` with your plugin's name: ``("hello.weather", city)``. The value is the same
        for every visitor, and must not depend on who asks. It is anything that MessagePack can
        hold; a Struct, date or UUID needs its ``type``. Each caller gets a copy of its own.

        It is invalidated when a table or row changes that compiled queries in ``make`` read;
        ``tags`` are names of further tables. Of many callers at once, one makes it, and the others
        wait for it. Where ``make`` raises, all of them get the error, and nothing is cached.

        With ``stale_for``, a value that has expired is returned for as many seconds more while it
        is made anew in the background, and where that fails.
        """
        # Processes on one SQLite file learn of each other's writes here, as requests do.
        self._check()
        made: V = await self._values.get_or_make(key, make, seconds, type, tags, stale_for)
        return made

    async def refill(
        self, key: Hashable, seconds: float, fill: Fill, stale_for: float
    ) -> CachedResponse:
        """Run ``fill`` and store what it returns under ``key``, in place of what is there."""
        cached = await self._fill(key, seconds, fill, stale_for)
        if isinstance(cached, CompleteResponse):
            raise TypeError(f"what is filled in for {key!r} cannot be cached")
        return cached

    async def stop(self) -> None:
        """End the making of values. The cache stays usable."""
        await self._values.stop()

    def flush(self) -> None:
        """Drop every response, for when it is not known what changed."""
        self._on_change(None)

    async def _fill(
        self, key: Hashable, seconds: float, fill: Fill, stale_for: float = 0.0
    ) -> CachedResponse | CompleteResponse:
        flight = self._flights[key] = _Flight(self._generation)
        tags: set[str] = set(self._always)
        token = read_tags.set(tags)
        tokens = None
        try:
            if self._second is not None:
                tokens = await self._second.begin()
                # A response made from now on contains the changes notified until now.
                flight.generation = self._generation
                found = None
                if tokens is not None:
                    found = await self._second.find(key, tokens, seconds)
                if found is not None:
                    cached, left = found
                    cached.fresh_until = self._clock() + left
                    cached.expires = cached.fresh_until + stale_for
                    return self._share(key, flight, cached)
            complete = await fill()
            if not complete.is_shareable:
                flight.unshared = True
                return complete
            if complete.seconds is not None:
                seconds = min(seconds, complete.seconds)
            cached = CachedResponse(complete, frozenset(tags), self._clock() + seconds)
            cached.expires += stale_for
            self._share(key, flight, cached)
            if self._second is not None and tokens is not None:
                self._second.store(key, tokens, seconds, cached)
            return cached
        except Exception:
            # Each waiting caller runs `fill` for itself. (Where this one was only cancelled, they
            # go on to the next flight together.)
            flight.unshared = True
            raise
        finally:
            read_tags.reset(token)
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.end()

    def _share(self, key: Hashable, flight: _Flight, cached: CachedResponse) -> CachedResponse:
        # The waiting callers came after this flight began, and nothing had changed then: it is
        # valid for them, even where it is not stored because something changed meanwhile.
        flight.shared = cached
        # The response's tags are known only now; the changes of every channel were counted.
        changed = (self._changed_at.get(channel, 0) for channel in cached.channels)
        cached.is_current = max(self._flushed_at, *changed, 0) <= flight.generation
        if cached.is_current:
            self._store(key, cached)
        return cached

    def _store(self, key: Hashable, cached: CachedResponse) -> None:
        if cached.size > self._max_bytes // _LARGEST_FRACTION:
            return
        self._drop(key)
        self._responses[key] = cached
        self._bytes += cached.size
        for channel in cached.channels:
            self._by_channel.setdefault(channel, set()).add(key)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._responses)))

    def _drop(self, key: Hashable) -> None:
        cached = self._responses.pop(key, None)
        if cached is None:
            return
        self._bytes -= cached.size
        for channel in cached.channels:
            keys = self._by_channel[channel]
            keys.discard(key)
            if not keys:
                del self._by_channel[channel]

    def _on_change(self, written: frozenset[str] | None) -> None:
        """Drop the responses that were read from these tags; None: from any."""
        self._generation += 1
        if written is None:
            self._flushed_at = self._generation
            for key in list(self._responses):
                self._drop(key)
            return
        for channel in channels_to_notify(written):
            self._changed_at[channel] = self._generation
            for key in list(self._by_channel.get(channel, ())):
                self._drop(key)


class _Flight:
    """One run of ``fill`` that other callers may wait for; ``generation`` is when it began."""

    __slots__ = ("_waiting", "generation", "shared", "unshared")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.shared: CachedResponse | None = None
        self.unshared = False
        self._waiting: asyncio.Future[None] | None = None

    async def result(self) -> CachedResponse | None:
        """Wait, and return the response; None where there is none to share."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        # Shielded: a waiting client that disconnects must not cancel the others' wait.
        await asyncio.shield(self._waiting)
        return self.shared

    def end(self) -> None:
        """Wake all waiting callers, however the run ended."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
