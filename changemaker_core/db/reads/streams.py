"""Rows of a query that are read in parts, for exports: never all of them in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from changemaker_core.db.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from changemaker_core.db.reads.plans import Plan

R = TypeVar("R")

#: How many may be open at once in a process, how long each, and how many rows a part has.
STREAMS = 4
SECONDS = 600.0
ROWS = 500


class Source(Protocol):
    """A read that is under way on a connection of its own."""

    def fetch(self, count: int) -> list[Any]:
        """Return the next rows, at most ``count``; none at the end."""

    def close(self) -> None:
        """Close the connection."""


class Opener(Protocol):
    """An engine, as far as streams have to know it."""

    row_tags: bool

    def open_stream(self, plan: Plan, values: list[Any], seconds: float) -> Source:
        """Begin a read that takes ``seconds`` at most."""


class Streams:
    """The streams of one database. Each has a connection and a thread of its own."""

    def __init__(self, engine: Opener) -> None:
        self._engine = engine
        self._free = threading.BoundedSemaphore(STREAMS)

    async def stream(self, plan: Plan, values: list[Any]) -> AsyncGenerator[Any, None]:
        """Yield the rows. Raises DatabaseUnavailable where too many streams are open."""
        with self._slot():
            thread = ThreadPoolExecutor(1, "database-stream")
            reading = _Reading(self._engine, plan, values)
            # Also where the consumer asks for no more rows: the snapshot must not stay.
            loop = asyncio.get_running_loop()
            end = loop.call_later(SECONDS, thread.submit, reading.close)
            try:
                while rows := await loop.run_in_executor(thread, reading.fetch):
                    for row in plan.make_rows(values, rows, self._engine.row_tags):
                        yield row
            finally:
                end.cancel()
                thread.submit(reading.close)  # behind a part that is being read
                thread.shutdown(wait=False)

    def stream_sync(self, plan: Plan, values: list[Any]) -> Iterator[Any]:
        """Yield the rows, read on the calling thread."""
        with self._slot():
            reading = _Reading(self._engine, plan, values)
            try:
                while rows := reading.fetch():
                    yield from plan.make_rows(values, rows, self._engine.row_tags)
            finally:
                reading.close()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise DatabaseUnavailable(f"{STREAMS} exports are running already")
        try:
            yield
        finally:
            self._free.release()


class _Reading:
    """A source that is opened by the first fetch, and stays closed once it is."""

    def __init__(self, engine: Opener, plan: Plan, values: list[Any]) -> None:
        self._begin = engine.open_stream, plan, values
        self._source: Source | None = None
        self._closed = False
        self._until = time.monotonic() + SECONDS

    def fetch(self) -> list[Any]:
        left = self._until - time.monotonic()
        if self._closed or left <= 0:
            raise DatabaseUnavailable(f"the export took longer than {SECONDS:g} seconds")
        if self._source is None:
            open_stream, plan, values = self._begin
            self._source = open_stream(plan, values, left)
        return self._source.fetch(ROWS)

    def close(self) -> None:
        self._closed = True
        source, self._source = self._source, None
        if source is not None:
            source.close()
