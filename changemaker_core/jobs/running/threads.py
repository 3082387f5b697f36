"""Threads that run jobs: started one by one, as they are needed."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Threads:
    """The threads of an executor: as many as there are jobs running, and one that waits."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._numbers = itertools.count()
        self._waiting = 0
        self._lock = threading.Lock()

    def start(self, work: Callable[..., None], *args: Any) -> None:
        """Call ``work(*args)`` on a new thread."""
        thread = threading.Thread(
            target=work, args=args, name=f"job-{next(self._numbers)}", daemon=True
        )
        with self._lock:
            self._threads.append(thread)
        thread.start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count this thread as one that waits for work while the block runs."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def ensure_one_waits(self, work: Callable[..., None], *args: Any) -> None:
        """Call ``work(*args)`` on a new thread unless another one waits for work."""
        with self._lock:
            waits = self._waiting > 0
        if not waits:
            self.start(work, *args)

    def join(self, seconds: float | None) -> int:
        """Wait until all have ended, ``seconds`` at most; return how many have not."""
        end = None if seconds is None else time.monotonic() + seconds
        while (thread := self._next_alive()) is not None:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            thread.join(left)
        with self._lock:
            return sum(each.is_alive() for each in self._threads)

    def _next_alive(self) -> threading.Thread | None:
        with self._lock:
            return next((each for each in self._threads if each.is_alive()), None)
