"""Redis, for what a site can do without: asked briefly, and left alone while it is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from redis import RedisError

from changemaker_core.shared.connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Seconds that a request waits for an answer, thread and network included.
PATIENCE = 0.02
#: Seconds between attempts to reach a Redis that is away. They are nobody's request.
RETRY_SECONDS = 0.5
_THREADS = 4
#: With so many calls before it, another one would only wait.
_MOST_WAITING = 64


class RedisStore:
    """A client on threads of its own, behind a circuit breaker.

    The first call that fails or is late has Redis taken for away: from then on calls answer None
    at once, until a probe in the background has had an answer.
    """

    def __init__(self, url: str) -> None:
        self._client = connect(url)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="redis")
        self._lock = threading.Lock()
        self._waiting = 0
        self._probe: threading.Thread | None = None
        self._closing = threading.Event()
        #: Whether it does not answer at present.
        self.is_away = False

    async def ask(self, call: Callable[[Redis], T]) -> T | None:
        """What ``call(client)`` answers; None where Redis is away, slow, or too busy."""
        future = self.send(call)
        if future is None:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self._lose("no answer in time")
            return None

    def send(self, call: Callable[[Redis], T]) -> Future[T | None] | None:
        """Have ``call(client)`` done without waiting for it; None where it will not be."""
        with self._lock:
            if self.is_away or self._waiting >= _MOST_WAITING or self._closing.is_set():
                return None
            self._waiting += 1
        return self._threads.submit(self._run, call)

    def close(self) -> None:
        """End the threads and connections."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
        if self._probe is not None:
            self._probe.join()
        self._client.close()

    def _run(self, call: Callable[[Redis], T]) -> T | None:
        try:
            return None if self.is_away else call(self._client)
        except (RedisError, OSError) as error:
            self._lose(str(error))
            return None
        finally:
            with self._lock:
                self._waiting -= 1

    def _lose(self, why: str) -> None:
        with self._lock:
            if self.is_away or self._closing.is_set():
                return
            self.is_away = True
            self._probe = threading.Thread(target=self._look, name="redis-probe", daemon=True)
            self._probe.start()
        logger.warning("Redis is done without for now: %s", why)

    def _look(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            try:
                self._client.ping()
            except (RedisError, OSError):
                continue
            logger.info("Redis answers again")
            self.is_away = False
            return
