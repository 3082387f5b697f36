"""The cache of whole answers in front of routing."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from changemaker_core.cache.responses import CachedResponse, CompleteResponse
from changemaker_core.db import read_tables
from changemaker_core.db.tracking import channels_to_notify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from changemaker_core.db.tracking import Changes
    from changemaker_core.shared.second_level import SecondLevel

    Fill = Callable[[], Awaitable[CompleteResponse]]

DEFAULT_MAX_BYTES = 32 * 1024 * 1024
#: No single entry may take more than this share of the cache.
_LARGEST_SHARE = 8


class BytesCache:
    """Answers of one process, each dropped when something changes that it was read from.

    Tags are tables, or rows of tables, collected while the answer is made, so nobody has to name or
    remember them. All methods belong to the event loop's thread, as ``changes`` calls back there.
    """

    def __init__(
        self,
        changes: Changes,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        second: SecondLevel | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._second = second
        self._entries: OrderedDict[Hashable, CachedResponse] = OrderedDict()
        self._by_channel: dict[str, set[Hashable]] = {}
        self._bytes = 0
        self._flights: dict[Hashable, _Flight] = {}
        # Counts changes heard of; `_changed_at` says which was last told on a channel.
        self._generation = 0
        self._changed_at: dict[str, int] = {}
        self._flushed_at = 0
        changes.subscribe(self._on_change)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def get(self, key: Hashable) -> CachedResponse | None:
        """What is kept under ``key`` and still good."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    async def lookup_or_run(
        self, key: Hashable, seconds: float, fill: Fill
    ) -> CachedResponse | CompleteResponse:
        """What is kept under ``key``, or what ``fill()`` answers, kept for ``seconds``.

        Of many callers that miss at once, one runs ``fill`` and the others wait for it, unless
        something changed since it began: a caller never gets an answer that is older than their
        question. An answer that is not for everybody is the caller's own, and is not kept.
        """
        while True:
            if (entry := self.get(key)) is not None:
                return entry
            flight = self._flights.get(key)
            if flight is None or flight.generation != self._generation:
                return await self._fly(key, seconds, fill)
            if (shared := await flight.result()) is not None:
                return shared
            if flight.unshared:
                return await fill()

    def flush(self) -> None:
        """Forget everything, as when it is not known what changed."""
        self._on_change(None)

    async def _fly(
        self, key: Hashable, seconds: float, fill: Fill
    ) -> CachedResponse | CompleteResponse:
        flight = self._flights[key] = _Flight(self._generation)
        tags: set[str] = set()
        token = read_tables.set(tags)
        try:
            if self._second is not None:
                return await self._fly_over(self._second, key, seconds, fill, flight, tags)
            reply = await fill()
            return self._land(key, seconds, flight, reply, frozenset(tags))
        except Exception:
            # Each waiter finds out for themselves. (Where this one was only cancelled, they go on
            # to the next flight together.)
            flight.unshared = True
            raise
        finally:
            read_tables.reset(token)
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.end()

    async def _fly_over(
        self,
        second: SecondLevel,
        key: Hashable,
        seconds: float,
        fill: Fill,
        flight: _Flight,
        tags: set[str],
    ) -> CachedResponse | CompleteResponse:
        """As a plain flight, with a look at the second level first."""
        tokens = await second.begin()
        # What was heard of until now, an answer made from now on contains.
        flight.generation = self._generation
        if tokens is None:
            return self._land(key, seconds, flight, await fill(), frozenset(tags))
        found = await second.find(key, tokens, seconds)
        if found is not None:
            entry, left = found
            entry.expires = self._clock() + left
            return self._share(key, flight, entry)
        landed = self._land(key, seconds, flight, await fill(), frozenset(tags))
        if isinstance(landed, CachedResponse):
            second.keep(key, tokens, seconds, landed)
        return landed

    def _land(
        self,
        key: Hashable,
        seconds: float,
        flight: _Flight,
        reply: CompleteResponse,
        tags: frozenset[str],
    ) -> CachedResponse | CompleteResponse:
        if not reply.is_shareable:
            flight.unshared = True
            return reply
        return self._share(key, flight, CachedResponse(reply, tags, self._clock() + seconds))

    def _share(self, key: Hashable, flight: _Flight, entry: CachedResponse) -> CachedResponse:
        # Whoever waits asked after this began, and nothing had changed then: they may have it.
        flight.shared = entry
        if not self._changed_since(flight.generation, entry):
            self._keep(key, entry)
        return entry

    def _changed_since(self, generation: int, entry: CachedResponse) -> bool:
        # What the entry was read from may be known only now; that it changed was noted anyhow.
        told = (self._changed_at.get(channel, 0) for channel in entry.channels)
        latest = max(told, default=0)
        return max(latest, self._flushed_at) > generation

    def _keep(self, key: Hashable, entry: CachedResponse) -> None:
        if entry.size > self._max_bytes // _LARGEST_SHARE:
            return
        self._drop(key)
        self._entries[key] = entry
        self._bytes += entry.size
        for channel in entry.channels:
            self._by_channel.setdefault(channel, set()).add(key)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        for channel in entry.channels:
            keys = self._by_channel[channel]
            keys.discard(key)
            if not keys:
                del self._by_channel[channel]

    def _on_change(self, written: frozenset[str] | None) -> None:
        self._generation += 1
        if written is None:
            self._flushed_at = self._generation
            for key in list(self._entries):
                self._drop(key)
            return
        for channel in channels_to_notify(written):
            self._changed_at[channel] = self._generation
            for key in list(self._by_channel.get(channel, ())):
                self._drop(key)


class _Flight:
    """One run of ``fill`` that others may wait for; ``generation`` is when it began."""

    __slots__ = ("_waiting", "generation", "shared", "unshared")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.shared: CachedResponse | None = None
        self.unshared = False
        self._waiting: asyncio.Future[None] | None = None

    async def result(self) -> CachedResponse | None:
        """The answer, when it is made; ``None`` where there is none to share."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        # Shielded: a waiting client that goes away must not cancel the others' wait.
        await asyncio.shield(self._waiting)
        return self.shared

    def end(self) -> None:
        """Wake everybody who waits, however it ended."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
