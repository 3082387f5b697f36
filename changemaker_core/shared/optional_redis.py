"""Redis for what a site can do without: short time-outs, and a circuit breaker."""

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

#: Seconds that a request waits for a reply, thread and network included.
CALL_TIMEOUT = 0.02
#: Seconds between attempts to reach a Redis that is down; no request waits for them.
PROBE_INTERVAL = 0.5
_THREADS = 4
#: A call behind this many others would only time out.
_MAX_QUEUED = 64


class OptionalRedis:
    """A client on threads of its own, behind a circuit breaker.

    After the first call that fails or times out, Redis counts as down: calls return None at once,
    until a probe in the background has had a reply.
    """

    def __init__(self, url: str) -> None:
        self._client = connect(url)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="redis")
        self._lock = threading.Lock()
        self._queued = 0
        self._probe: threading.Thread | None = None
        self._closing = threading.Event()
        #: Whether the circuit breaker is open.
        self.is_down = False

    async def call(self, command: Callable[[Redis], T]) -> T | None:
        """Return ``command(client)``; None where Redis is down, slow, or too busy."""
        future = self.submit(command)
        if future is None:
            return None
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self._mark_down("no reply in time")
            return None

    def submit(self, command: Callable[[Redis], T]) -> Future[T | None] | None:
        """Run ``command(client)`` on a thread, without waiting; return None where it is not run."""
        with self._lock:
            if self.is_down or self._queued >= _MAX_QUEUED or self._closing.is_set():
                return None
            self._queued += 1
        return self._threads.submit(self._run, command)

    def close(self) -> None:
        """End the threads and connections."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
        if self._probe is not None:
            self._probe.join()
        self._client.close()

    def _run(self, command: Callable[[Redis], T]) -> T | None:
        try:
            return None if self.is_down else command(self._client)
        except (RedisError, OSError) as error:
            self._mark_down(str(error))
            return None
        finally:
            with self._lock:
                self._queued -= 1

    def _mark_down(self, why: str) -> None:
        with self._lock:
            if self.is_down or self._closing.is_set():
                return
            self.is_down = True
            self._probe = threading.Thread(
                target=self._probe_until_up, name="redis-probe", daemon=True
            )
            self._probe.start()
        logger.warning("Redis is down and not used for now: %s", why)

    def _probe_until_up(self) -> None:
        while not self._closing.wait(PROBE_INTERVAL):
            try:
                self._client.ping()
            except (RedisError, OSError):
                continue
            logger.info("Redis responds again")
            self.is_down = False
            return
