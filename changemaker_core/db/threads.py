"""Threads that run work: a pool of them, and batches by which event loops hand work to threads."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import DatabaseClosed

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from changemaker_core.db.work import Work

_STOP_SECONDS = 10.0


def check_usable(closed: bool, pid: int) -> None:
    """Raise where no thread would do any work: after ``close()``, and in a forked child."""
    if closed:
        raise DatabaseClosed
    if pid != os.getpid():
        raise RuntimeError("this database was opened before a fork; open one in each process")


class LoopBatches:
    """Hands on what an event loop submits: everything of one iteration of the loop, at its end.

    A thread woken by the first would otherwise take the interpreter from the loop again and again,
    while the loop is still busy with the requests that arrived with it.
    """

    def __init__(self, put: Callable[[Work], None]) -> None:
        self._put = put
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, list[Work]] = {}

    def add(self, work: Work) -> None:
        """Hand ``work`` on: at once if its caller blocks, else after the loop's iteration."""
        loop = work.loop
        if loop is None:
            self._put(work)
            return
        with self._lock:
            waiting = self._waiting.setdefault(loop, [])
            waiting.append(work)
            is_first = len(waiting) == 1
        if is_first:
            loop.call_soon(self._flush_loop, loop)

    def _flush_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            works = self._waiting.pop(loop, ())
        for work in works:
            self._put(work)

    def flush(self) -> None:
        """Hand on everything that waits for the end of an iteration."""
        for loop in tuple(self._waiting):
            self._flush_loop(loop)


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
        self._batches = LoopBatches(self._put)
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._pid = os.getpid()

    def submit(self, work: Work) -> None:
        """Run ``work`` on the next free thread."""
        check_usable(self._closed, self._pid)
        self._batches.add(work)

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
        self._batches.flush()
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(_STOP_SECONDS)
