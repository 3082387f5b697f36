"""Calls that are run on a database's own threads, and how their answers come back."""

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
    """One call, in a copy of its caller's context variables.

    ``loop`` is the event loop that awaits the answer; None for a caller that blocks.
    """

    __slots__ = (
        "_call",
        "_context",
        "after",
        "error",
        "future",
        "loop",
        "unit",
        "value",
        "whole",
        "writes",
    )

    def __init__(
        self, call: Callable[[Work], Any], loop: asyncio.AbstractEventLoop | None, *, whole: bool
    ) -> None:
        self._call = call
        self._context = copy_context()
        self.loop = loop
        #: Whether it needs a transaction of its own; a single statement does not.
        self.whole = whole
        self.writes = False
        self.future: Any = concurrent.futures.Future() if loop is None else loop.create_future()
        self.reset()

    def reset(self) -> None:
        """Forget an attempt whose transaction was rolled back."""
        self.unit: Unit | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self.after: list[Callable[[], None]] = []

    @property
    def abandoned(self) -> bool:
        """Whether the caller was cancelled: what was not begun is not begun any more."""
        return bool(self.future.cancelled())

    @property
    def written(self) -> Tags:
        """What it wrote and what is committed."""
        return NOTHING if self.unit is None or self.error is not None else self.unit.written

    def run(self, unit: Unit) -> None:
        """Run the call in ``unit``; its answer or its exception is kept."""
        self.reset()
        self.unit = unit
        try:
            self.value = self._context.run(self._enter, unit)
        except BaseException as error:
            self.error = error

    def _enter(self, unit: Unit) -> Any:
        current_unit.set(unit)  # in the copied context: nobody else sees it
        value = self._call(self)
        if hasattr(type(value), "__await__"):
            if inspect.iscoroutine(value):
                value.close()
            raise TypeError(
                "what runs in db.read() or db.write() is a plain function: no transaction is ever"
                " held across an await"
            )
        return value

    def settle(self) -> None:
        """Hand the answer over, in the thread that may touch the future."""
        if self.error is None:
            self._call_after()
        if self.future.cancelled():
            return
        if isinstance(self.error, StopIteration):  # a future cannot carry it
            self.future.set_exception(RuntimeError("the function raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)

    def _call_after(self) -> None:
        for callback in self.after:
            try:
                callback()
            except Exception:
                # The write is committed, and others wait for their answers behind it.
                logger.exception("what was to be called after a commit failed")


def release(works: Iterable[Work], announce: Callable[[Tags], None]) -> None:
    """Hand over answers. An event loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Work]] = {}
    for work in works:
        if work.loop is None:
            work.settle()  # the blocked caller announces its tables
        else:
            by_loop.setdefault(work.loop, []).append(work)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, group, announce)
        except RuntimeError:  # the loop was closed meanwhile; what was written was written
            logger.debug("an event loop was closed before its database call returned")
            _announce(group, announce)


def _settle(works: list[Work], announce: Callable[[Tags], None]) -> None:
    _announce(works, announce)
    for work in works:
        work.settle()


def _announce(works: list[Work], announce: Callable[[Tags], None]) -> None:
    written = merge(work.written for work in works)
    if written != NOTHING:
        announce(written)


def check_usable(closed: bool, pid: int) -> None:
    """Refuse work that no thread would do: after ``close()``, and in a forked child."""
    if closed:
        raise DatabaseClosed
    if pid != os.getpid():
        raise RuntimeError("this database was opened before a fork; open one in each process")


class Turns:
    """Hands on what an event loop submits, all of a turn of the loop together at its end.

    The thread that is woken by the first would otherwise take the interpreter from the loop again
    and again while it is still busy with the requests that arrived with it.
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
    """A bounded number of threads, each with what ``open_thread`` gave it, started when needed."""

    def __init__(self, name: str, size: int, run: Callable[[Work], None], leave: Any) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._leave = leave
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
                del work  # its answer must not live until the next one comes
        finally:
            self._leave()

    def _next(self) -> Work | None:
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            self._idle.release()
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
