"""Tickets: RQ jobs that say "look into this queue of the outbox"; the thread that sends them."""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS

from changemaker_core.jobs import known_queues, statements
from changemaker_core.jobs.models import CoreHold
from changemaker_core.jobs.queries import limited_jobs
from changemaker_core.jobs.schedule import Scheduler
from changemaker_core.shared.connection import connect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from redis import Redis

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: What a worker calls: ``drain(queue)``, by its dotted name.
DRAIN: Final = "changemaker_core.server.drain.drain"
#: Tickets that may wait in one queue. More would be of no use: as many workers are busy.
MAX_WAITING: Final = 5
#: Seconds for which RQ keeps a ticket whose worker was killed.
FAILURE_TTL: Final = 60
#: Seconds between looks for jobs that came due, or that other processes enqueued.
POLL_INTERVAL: Final = 1.0
#: The shortest time in seconds between two looks, however many commits there are.
MIN_INTERVAL: Final = 0.05
#: How long ``stop`` waits, in seconds: for one reply of a server that hangs, and a little.
STOP_TIMEOUT: Final = 3.0


class TicketSender:
    """Sends tickets for queues with due jobs, after each commit that enqueued, and once a second.

    No request waits for it: a commit notifies this thread. It also enqueues scheduled jobs, which
    no other process does where there are only workers. While Redis or the database is down, jobs
    wait in the outbox; that is logged once, and so is its end.
    """

    def __init__(self, site: Site, url: str, *, function: str = DRAIN) -> None:
        self._site = site
        self._client = connect(url)
        self._function = function
        self._scheduler = Scheduler(site)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticket-sender", daemon=True)
        self._down_since: float | None = None
        self._names = list(site.job_names())
        self._at_most = limited_jobs(site, self._names)
        self._queues: list[str] = []

    def start(self) -> None:
        """Start the thread. To be called once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, within ``STOP_TIMEOUT`` whatever Redis does."""
        self._stop.set()
        self._site.jobs.wake_up.notify()
        self._thread.join(STOP_TIMEOUT)
        self._client.close()

    def __enter__(self) -> TicketSender:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        wake_up = self._site.jobs.wake_up
        while not self._stop.is_set():
            seen = wake_up.count
            try:
                self._send_due()
                self._log_up()
            except Exception as error:  # Redis or the database may be down for now
                self._log_down(error)
            self._stop.wait(MIN_INTERVAL)
            wake_up.wait(seen, POLL_INTERVAL)

    def _send_due(self) -> None:
        self._scheduler.enqueue_due()
        self._queues = self._queues or known_queues(self._site, self._names)
        work = self._queues, self._names, self._at_most, self._site.clock()
        for queue in self._site.db.sync.read(queues_with_due_jobs, *work):
            send_ticket(self._client, queue, self._function)

    def _log_down(self, error: Exception) -> None:
        if self._down_since is None:
            self._down_since = time.monotonic()
            detail = f"{type(error).__name__}: {error}"
            log.warning("tickets cannot be sent; jobs wait in the outbox (%s)", detail)

    def _log_up(self) -> None:
        if self._down_since is not None:
            seconds = time.monotonic() - self._down_since
            self._down_since = None
            log.warning("tickets are sent again, after %.0f seconds", seconds)


def queues_with_due_jobs(
    queues: Collection[str], names: Collection[str], at_most: Mapping[str, int], now: datetime
) -> set[str]:
    """Return the queues with a job to be claimed or reclaimed, without those that are held.

    The expired jobs of a held queue are reclaimed by executors of other queues.
    """
    due = statements.queues_with_due(queues, names, at_most, now)
    expired = {job.queue for job in statements.expired(names, now)}
    held = {hold.queue for hold in CoreHold.select()}
    return {*due, *expired.intersection(queues) - held}


def send_ticket(client: Redis, queue: str, function: str = DRAIN) -> None:
    """Have a worker call ``function(queue)``: at most one ticket per second, from all processes.

    Raises ``redis.RedisError``.
    """
    tickets = Queue(queue, connection=client, serializer=JSONSerializer)
    if tickets.count >= MAX_WAITING:
        return
    name = re.sub(r"[^A-Za-z0-9_-]", "_", queue)  # RQ allows no other characters in an id
    # NOTE(unique): the second is part of the id. An id made of outbox rows would be taken for as
    # long as RQ needs to notice that a worker was killed.
    with suppress(DuplicateJobError):
        tickets.enqueue(
            function,
            queue,
            job_id=f"look-into-{name}-{int(time.time())}",
            unique=True,
            job_timeout=-1,  # leases, not RQ, decide when a job has taken too long
            result_ttl=0,
            failure_ttl=FAILURE_TTL,
            description=f"look into {queue}",
        )


def count_workers(client: Redis) -> int:
    """Return how many RQ workers are alive. Raises ``redis.RedisError``."""
    known: Any = client.smembers(REDIS_WORKER_KEYS)
    alive: Any = client.exists(*known) if known else 0  # the keys of dead workers expire
    return int(alive)
