"""Cached values, beside the cached responses: what is slow to make, and the same for everybody.

A value is stored encoded (MessagePack), with the responses: it shares their memory, their
invalidation and their second level. Each caller gets a value of its own, decoded, which it may
change.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from changemaker_core.cache.responses import CachedResponse, CompleteResponse
from changemaker_core.db import read_tags
from changemaker_core.identity.actor import current_actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable

    Fill = Callable[[], Awaitable[CompleteResponse]]

V = TypeVar("V")
log = logging.getLogger(__name__)

#: Seconds until a stale value is made again whose making has failed.
RETRY_SECONDS = 5.0


class Store(Protocol):
    """Where values are stored: the ``ResponseCache``."""

    def get(self, key: Hashable) -> CachedResponse | None:
        """Return what is valid under ``key``."""

    async def refill(
        self, key: Hashable, seconds: float, fill: Fill, stale_for: float
    ) -> CachedResponse:
        """Run ``fill`` and store what it returns under ``key``."""


class ValueCache:
    """The values of one process; used on the event loop's thread."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        #: Values that are being made, each for all that wait for it.
        self._made: dict[Hashable, asyncio.Task[CachedResponse]] = {}

    async def get_or_make(
        self,
        key: Hashable,
        make: Callable[[], Awaitable[V]],
        seconds: float,
        kind: Any,
        tags: Iterable[str],
        stale_for: float,
    ) -> V:
        """See ``ResponseCache.get_or_make``."""
        if not seconds > 0 or stale_for < 0:
            raise ValueError("seconds is above 0, and stale_for at least 0")
        name = ("value", key)

        async def fresh() -> CachedResponse:
            return await self._make(name, make, seconds, frozenset(tags), stale_for)

        cached = self._store.get(name)
        if cached is None:
            cached = await self._share(name, fresh)
        elif cached.fresh_until <= self._clock() and name not in self._made:
            self._start(name, self._refresh(name, cached, fresh))
        if (outer := read_tags.get()) is not None:
            # A response that is being made depends on what this value was read from.
            outer.update(cached.tags)
        value: V = msgspec.msgpack.decode(cached.body, type=kind)
        return value

    async def _share(
        self, name: Hashable, fresh: Callable[[], Coroutine[Any, Any, CachedResponse]]
    ) -> CachedResponse:
        """Return the value that is made once for all who wait; raises what ``make`` raises."""
        while True:
            running = self._made.get(name)
            own = running is None
            made = self._start(name, fresh()) if running is None else running
            # Shielded: a caller that is cancelled must not take the value from the others.
            cached = await asyncio.shield(made)
            # Something may have changed between the beginning of another caller's and this call.
            if own or cached.is_current:
                return cached

    def _start(
        self, name: Hashable, making: Coroutine[Any, Any, CachedResponse]
    ) -> asyncio.Task[CachedResponse]:
        task = self._made[name] = asyncio.get_running_loop().create_task(making)

        def ended(task: asyncio.Task[CachedResponse]) -> None:
            del self._made[name]
            if not task.cancelled():
                task.exception()  # those who wait have it; without any, it is nobody's

        task.add_done_callback(ended)
        return task

    async def _make(
        self,
        name: Hashable,
        make: Callable[[], Awaitable[Any]],
        seconds: float,
        tags: frozenset[str],
        stale_for: float,
    ) -> CachedResponse:
        # Nobody in particular: what is made for one visitor is returned to all.
        current_actor.set(None)

        async def fill() -> CompleteResponse:
            value = msgspec.msgpack.encode(await make())
            if (collected := read_tags.get()) is not None:
                collected.update(tags)
            return CompleteResponse(200, [], value)

        return await self._store.refill(name, seconds, fill, stale_for)

    async def _refresh(
        self,
        name: Hashable,
        stale: CachedResponse,
        fresh: Callable[[], Coroutine[Any, Any, CachedResponse]],
    ) -> CachedResponse:
        try:
            return await fresh()
        except Exception:
            if self._store.get(name) is not stale:
                raise  # something changed: whoever waits came after that, and it is no answer
            log.warning("a stale value is used: making it anew failed", exc_info=True)
            stale.fresh_until = self._clock() + RETRY_SECONDS
            return stale

    async def stop(self) -> None:
        """Cancel what is being made."""
        making = list(self._made.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
