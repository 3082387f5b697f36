"""Calls that run on a database's own threads, and how their results come back."""

from __future__ import annotations

import concurrent.futures
import inspect
import logging
import os
import queue
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from changemaker_core.db.context import Unit, current_unit
from changemaker_core.db.errors import DatabaseClosed
from changemaker_core.db.tracking import NOTHING, Tags, merge

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

_STOP_SECONDS = 10.0


class Work:
    """One call, to be run on a database's thread in a copy of its caller's context variables.

    ``loop`` is the event loop that awaits the result; None for a caller that blocks.
    """

    __slots__ = ("_call", "_context", "error", "future", "loop", "unit", "value", "whole", "writes")

    def __init__(
        self,
        call: Callable[[Unit], Any],
        loop: asyncio.AbstractEventLoop | None,
        *,
        whole: bool = True,
    ) -> None:
        self._call = call
        self._context = copy_context()
        self.loop = loop
        #: Whether it needs a transaction of its own; a single statement does not.
        self.whole = whole
        self.writes = False
        self.future: Any = concurrent.futures.Future() if loop is None else loop.create_future()
        self.unit: Unit | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def abandoned(self) -> bool:
        """Whether the caller was cancelled: work that has not begun does not begin any more."""
        return bool(self.future.cancelled())

    @property
    def written(self) -> Tags:
        """What it wrote, once it is committed."""
        return NOTHING if self.unit is None or self.error is not None else self.unit.written

    def run(self, unit: Unit) -> None:
        """Run the call in ``unit``, and store its result or its exception."""
        self.unit, self.error = unit, None
        try:
            self._context.run(current_unit.set, unit)
            self.value = value = self._context.run(self._call, unit)
            if hasattr(type(value), "__await__"):
                if inspect.iscoroutine(value):
                    value.close()
                raise TypeError(
                    "what runs in db.read() or db.write() is a plain function: no transaction is"
                    " ever held across an await"
                )
        except BaseException as error:
            self.value, self.error = None, error

    def settle(self) -> None:
        """Hand the result to the caller, in the thread that may touch the future."""
        for callback in self.unit.after if self.unit is not None and self.error is None else ():
            try:
                callback()
            except Exception:
                # The write is committed, and other callers wait for their results behind it.
                logger.exception("a callback after a commit failed")
        if self.future.cancelled():
            return
        if isinstance(self.error, StopIteration):  # a future cannot carry it
            self.future.set_exception(RuntimeError("the function raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)


def release(works: Iterable[Work], notify: Callable[[Tags], None]) -> None:
    """Notify of what was written, then hand over results, in the thread of each event loop.

    A loop is woken once for all of its work. A caller that blocks notifies by itself.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[Work]] = {}
    for work in works:
        if work.loop is None:
            work.settle()
        else:
            by_loop.setdefault(work.loop, []).append(work)
    for loop, group in by_loop.items():
        written = merge(work.written for work in group)
        try:
            loop.call_soon_threadsafe(_settle, group, written, notify)
        except RuntimeError:  # the loop was closed meanwhile; what was written was written
            logger.debug("an event loop was closed before its database call returned")
            if written != NOTHING:
                notify(written)


def _settle(works: list[Work], written: Tags, notify: Callable[[Tags], None]) -> None:
    if written != NOTHING:
        notify(written)
    for work in works:
        work.settle()


def check_usable(closed: bool, pid: int) -> None:
    """Raise where no thread would do any work: after ``close()``, and in a forked child."""
    if closed:
        raise DatabaseClosed
    if pid != os.getpid():
        raise RuntimeError("this database was opened before a fork; open one in each process")


class Turns:
    """Hands on what an event loop submits: everything of one iteration of the loop, at its end.

    A thread woken by the first would otherwise take the interpreter from the loop again and again,
    while the loop is still busy with the requests that arrived with it.
    """

    def __init__(self, put: Callable[[Work], None]) -> None:
        self._put = put
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, list[Work]] = {}

    def add(self, work: Work) -> None:
        """Hand ``work`` on: at once where its caller blocks, else at the end of the loop's turn."""
        loop = work.loop
        if loop is None:
            self._put(work)
            return
        with self._lock:
            waiting = self._waiting.setdefault(loop, [])
            waiting.append(work)
            is_first = len(waiting) == 1
        if is_first:
            loop.call_soon(self._end_turn, loop)

    def _end_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            works = self._waiting.pop(loop, ())
        for work in works:
            self._put(work)

    def end(self) -> None:
        """Hand on all that waits for the end of a turn."""
        for loop in tuple(self._waiting):
            self._end_turn(loop)


class Pool:
    """A bounded number of threads, started when needed.

    ``leave()`` is called in each at its end, and after ``idle_seconds`` without work.
    """

    def __init__(
        self,
        name: str,
        size: int,
        run: Callable[[Work], None],
        leave: Callable[[], Any],
        idle_seconds: float | None = None,
    ) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._leave = leave
        self._idle_seconds = idle_seconds
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._turns = Turns(self._put)
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._pid = os.getpid()

    def submit(self, work: Work) -> None:
        """Run ``work`` on the next free thread."""
        check_usable(self._closed, self._pid)
        self._turns.add(work)

    def _put(self, work: Work) -> None:
        self._queue.put(work)
        if not self._idle.acquire(blocking=False):
            self._grow()

    def _grow(self) -> None:
        with self._lock:
            if len(self._threads) >= self._size or self._closed:
                return
            thread = threading.Thread(
                target=self._loop, name=f"{self._name}-{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _loop(self) -> None:
        try:
            while (work := self._next()) is not None:
                self._run(work)
                del work  # its result must not live until the next one comes
        finally:
            self._leave()

    def _next(self) -> Work | None:
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            self._idle.release()
        try:
            return self._queue.get(timeout=self._idle_seconds)
        except queue.Empty:
            self._leave()
            return self._queue.get()

    def close(self) -> None:
        """Let what was submitted finish, then end the threads."""
        self._turns.end()
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(_STOP_SECONDS)
