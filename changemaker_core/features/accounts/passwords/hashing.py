"""The threads that hash passwords, and the bounded queue before them.

They protect the machine, and so are the process's, whatever its sites: each hash takes a core and
64 MiB for a third of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from changemaker_core import LimitReached, Text, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS: Final = 2
#: Sign-ins that wait or are being hashed: the last of them waits for about three seconds.
PLACES: Final = 24
#: Places that only devices get from which the account has signed in before.
KEPT: Final = 8
#: Places of one network or device.
SHARE: Final = 4
_RETRY: Final = timedelta(seconds=2)

R = TypeVar("R")

_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="argon2")


class Queue:
    """Places in the queue, which sign-ins take before anything is counted or hashed for them."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def place(self, source: str, *, is_known: bool) -> Iterator[None]:
        """Hold a place while the block runs.

        Raise ``LimitReached`` where ``source``, a network or device, has its share, and
        ``Unavailable`` (503) where too few places are left.
        """
        with self._lock:
            self._take(source, PLACES if is_known else PLACES - KEPT)
        try:
            yield
        finally:
            with self._lock:
                self._taken[source] -= 1
                if not self._taken[source]:
                    del self._taken[source]

    def _take(self, source: str, most: int) -> None:
        if self._taken[source] >= SHARE:
            raise LimitReached("accounts.hashing", _RETRY)
        if self._taken.total() >= most:
            raise Unavailable(
                Text("Too many people are signing in. Try again in a few seconds."),
                code="busy",
                headers=[("Retry-After", str(int(_RETRY.total_seconds())))],
            )
        self._taken[source] += 1


queue: Final = Queue()


async def on_thread(func: Callable[..., R], *args: object) -> R:
    """Return ``func(*args)``, called on one of the threads."""
    return await asyncio.get_running_loop().run_in_executor(_executor, func, *args)
