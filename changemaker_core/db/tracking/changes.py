"""Who changed what: tells subscribers, in the event loop, what was written."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from changemaker_core.db.work import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.context import Tables
    from changemaker_core.db.engine import Engine

    Callback = Callable[[Tables], None]

logger = logging.getLogger(__name__)


class Changes:
    """Committed writes, of this process and of others, by table, or by row where that is certain.

    A process's own writes are told before ``await db.write()`` returns. Those of others are told
    by ``check()`` on SQLite, and as they arrive on PostgreSQL.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callback] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None

    def attach(self, engine: Engine) -> None:
        """Hear of other processes from ``engine``. Done once, by the database."""
        self._engine = engine

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback`` with what was written, or with None when it may be anything.

        That is a set of tags: ``influence_campaign`` is a table of which any row may have changed,
        ``influence_campaign#03f`` a part of its rows; ``tables_of`` tells the tables of both.

        It runs in the event loop's thread once ``start()`` was called, else in whichever thread
        wrote. Returns what ends the subscription.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def check(self) -> None:
        """Tell what other processes wrote since the last call. Cheap: called for each request."""
        if self._engine is None:
            return
        written = self._engine.check()
        if written != NOTHING:
            self._tell(written)

    async def start(self) -> None:
        """Begin to hear of other processes. From here on, nothing is missed."""
        self._loop = asyncio.get_running_loop()
        if self._engine is not None:
            await asyncio.to_thread(self._engine.watch)

    async def stop(self) -> None:
        """Stop hearing of other processes."""
        self._loop = None
        if self._engine is not None:
            await asyncio.to_thread(self._engine.unwatch)

    def announce(self, written: Tables) -> None:
        """Tell subscribers, in the event loop's thread. May be called from any thread."""
        loop = self._loop
        if loop is None or _is_running_here(loop):
            self._tell(written)
            return
        try:
            loop.call_soon_threadsafe(self._tell, written)
        except RuntimeError:  # the loop was closed without stop(): nobody else is left to tell
            self._tell(written)

    def _tell(self, written: Tables) -> None:
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
