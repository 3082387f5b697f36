"""The relay: hands in tickets for what is due, on a thread of each web process."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs import known_queues
from changemaker_core.jobs.models import CoreHold, CoreJob
from changemaker_core.jobs.schedule import Scheduler
from changemaker_core.shared.connection import connect
from changemaker_core.shared.tickets import DRAIN, Tickets

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: How often it looks for what has come due by itself, or was enqueued by other processes.
EVERY_SECONDS: Final = 1.0
#: The least pause between two looks, however many commits ring the bell.
PAUSE_SECONDS: Final = 0.05
#: How long ``stop`` waits: for one answer of a server that hangs, and a little.
STOP_SECONDS: Final = 3.0


class Relay:
    """Looks into the outbox after each commit that enqueued something, and once a second.

    No request waits for it: a commit rings the bell, and this thread does the rest. It also
    enqueues scheduled jobs, which nobody else does where there are only workers. While Redis or the
    database is away, jobs wait in the outbox; that is logged once, and so is the end of it.
    """

    def __init__(self, site: Site, url: str, *, function: str = DRAIN) -> None:
        self._site = site
        self._client = connect(url)
        self._tickets = Tickets(self._client, function)
        self._scheduler = Scheduler(site)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticket-relay", daemon=True)
        self._away_since: float | None = None
        self._names = list(site.job_names())
        self._queues: list[str] = []

    def start(self) -> None:
        """Begin. Once only."""
        self._thread.start()

    def stop(self) -> None:
        """End, within ``STOP_SECONDS`` whatever Redis does."""
        self._stop.set()
        self._site.jobs.wake_up.notify()
        self._thread.join(STOP_SECONDS)
        self._client.close()

    def __enter__(self) -> Relay:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        wake_up = self._site.jobs.wake_up
        while not self._stop.is_set():
            seen = wake_up.count
            try:
                self._hand_in()
                self._is_back()
            except Exception as error:  # Redis or the database is away, and may be back
                self._is_away(error)
            self._stop.wait(PAUSE_SECONDS)
            wake_up.wait(seen, EVERY_SECONDS)

    def _hand_in(self) -> None:
        self._scheduler.enqueue_due()
        self._queues = self._queues or known_queues(self._site, self._names)
        now = self._site.clock()
        for queue in self._site.db.sync.read(_due, self._queues, self._names, now):
            self._tickets.put(queue)

    def _is_away(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            told = f"{type(error).__name__}: {error}"
            log.warning("workers cannot be told of jobs, which wait in the outbox (%s)", told)

    def _is_back(self) -> None:
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            log.warning("workers are told of jobs again, after %.0f seconds", seconds)


def _due(queues: Collection[str], names: Collection[str], now: datetime) -> list[str]:
    """The queues in which something waits to be claimed, or to be given up. Not those that are
    held, whose lost jobs are given up by whoever works for another queue."""
    row = CoreJob.select(CoreJob.id).where((CoreJob.due_at <= now) & CoreJob.name.in_(names))
    held = {hold.queue for hold in CoreHold.select()}
    return [
        queue for queue in set(queues) - held if row.where(CoreJob.queue == queue).limit(1).tuples()
    ]
