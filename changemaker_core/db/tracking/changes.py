"""Notification of committed writes, within a process and from other processes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from changemaker_core.db.tracking.tags import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.tracking.tags import Tags

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where writes of other processes are learned from: the database's engine."""

    def check(self) -> Tags:
        """Return what other processes wrote since the last call; None: anything may be written."""

    def watch(self) -> None:
        """Begin to listen to other processes. Blocks until nothing more can be missed."""

    def unwatch(self) -> None:
        """Stop listening."""


class Changes:
    """Committed writes, of this process and of others, as tags of tables and rows.

    Subscribers are notified of a process's own writes before ``await db.write()`` returns, and of
    those of others by ``check()`` on SQLite, as they arrive on PostgreSQL.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Tags], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._source: Source | None = None

    def attach(self, source: Source) -> None:
        """Learn of other processes' writes from ``source``. Called once, by the database."""
        self._source = source

    def subscribe(self, callback: Callable[[Tags], None]) -> Callable[[], None]:
        """Call ``callback`` with what was written, or with None where it may be anything.

        What was written is a set of tags: ``petitions_petition`` is a table of which any row may
        have changed, ``petitions_petition#03f`` a part of its rows; ``tables_of`` returns the
        tables of both.

        The callback runs in the event loop's thread once ``start()`` was called, else in the thread
        that wrote. Returns a function that ends the subscription.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def check(self) -> None:
        """Notify of what other processes wrote since the last call. Cheap: called per request."""
        if self._source is None:
            return
        written = self._source.check()
        if written != NOTHING:
            self._call(written)

    async def start(self) -> None:
        """Begin to listen to other processes. From here on, nothing is missed."""
        self._loop = asyncio.get_running_loop()
        if self._source is not None:
            await asyncio.to_thread(self._source.watch)

    async def stop(self) -> None:
        """Stop listening to other processes."""
        self._loop = None
        if self._source is not None:
            await asyncio.to_thread(self._source.unwatch)

    def notify(self, written: Tags) -> None:
        """Notify subscribers, in the event loop's thread. Callable from any thread."""
        loop = self._loop
        if loop is None or _is_running_here(loop):
            self._call(written)
            return
        try:
            loop.call_soon_threadsafe(self._call, written)
        except RuntimeError:  # the loop was closed without stop(): this thread is as good as any
            self._call(written)

    def _call(self, written: Tags) -> None:
        for callback in tuple(self._callbacks):
            try:
                callback(written)
            except Exception:
                # The write is committed: a subscriber's fault must not become the writer's.
                logger.exception("a subscriber to changes failed")


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
