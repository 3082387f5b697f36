"""Live changes: loops that go on when something was written to a table, by whatever process.

Within a process, and on PostgreSQL, news of writes arrives by itself. Processes on one SQLite file
learn of each other's writes when they look; here one task looks for all loops of a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from changemaker_core.db.tracking.models import known_tables
from changemaker_core.db.tracking.tags import tables_of
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from changemaker_core.db.tracking.changes import Changes
    from changemaker_core.db.tracking.tags import Tags

log = logging.getLogger(__name__)

#: Seconds between two looks at what other processes wrote.
LOOK_SECONDS = 0.5


class LiveChanges:
    """Who follows which tables, in one process; used on the event loop's thread.

    All loops end once ``closing`` is set.
    """

    def __init__(self, changes: Changes, closing: asyncio.Event) -> None:
        self._changes = changes
        self._closing = closing
        self._followers: set[_Follower] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def follow(self, tables: frozenset[str], interval: float) -> AsyncIterator[None]:
        """Yield at once, and then after each write to one of ``tables``.

        At most once in ``interval`` seconds: writes that come sooner count as one. What is read
        after it has yielded is as new as the write.
        """
        _check_names(tables)
        clock = asyncio.get_running_loop().time
        follower = _Follower(tables)
        self._join(follower)
        try:
            while not self._closing.is_set():
                earliest = clock() + interval
                follower.written.clear()
                yield
                await follower.written.wait()
                await self._pause(earliest - clock())
        finally:
            self._leave(follower)

    async def stop(self) -> None:
        """End all loops."""
        self._closing.set()
        self._wake(None)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._closing.wait()

    def _join(self, follower: _Follower) -> None:
        self._followers.add(follower)
        if self._unsubscribe is None:
            self._unsubscribe = self._changes.subscribe(self._wake)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def _leave(self, follower: _Follower) -> None:
        self._followers.discard(follower)
        if not self._followers and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _wake(self, written: Tags) -> None:
        tables = None if written is None else tables_of(written)
        for follower in self._followers:
            if tables is None or not tables.isdisjoint(follower.tables):
                follower.written.set()

    async def _look(self) -> None:
        """Look at what others wrote, for as long as anything is followed."""
        failed = False
        while self._followers and not self._closing.is_set():
            try:
                self._changes.check()
                failed = False
            except Exception:
                # NOTE(away): where the database is down, requests report it, and the next look may
                # succeed.
                if not failed:
                    log.warning("cannot look for changes; trying on", exc_info=True)
                failed = True
            await self._pause(LOOK_SECONDS)
        self._wake(None)


class _Follower:
    """One loop: the tables that it follows, and whether one was written since it went on last."""

    __slots__ = ("tables", "written")

    def __init__(self, tables: frozenset[str]) -> None:
        self.tables = tables
        self.written = asyncio.Event()


def _check_names(tables: frozenset[str]) -> None:
    known = known_tables()
    for name in sorted(tables - known):
        raise ValueError(f"No table is called {name!r}.{did_you_mean(name, known)}")
