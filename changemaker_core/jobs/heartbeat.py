"""Keeping the leases of this process while its jobs run."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from changemaker_core.jobs import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from changemaker_core.db import Tx
    from changemaker_core.jobs.site import JobSite
    from changemaker_core.jobs.store import Claimed

log = logging.getLogger(__name__)


class Heartbeat:
    """Renews the leases of all jobs that are held, three times in a lease's length.

    A job that runs for ever keeps its lease, and is reported again and again, each time after
    twice as long: only a person can tell whether it hangs.
    """

    def __init__(self, site: JobSite, lease: timedelta) -> None:
        self._site = site
        self._lease = lease
        self._held: dict[str, Claimed] = {}
        self._begun: dict[str, float] = {}
        self._report_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def hold(self, jobs: Iterable[Claimed]) -> None:
        """Renew these from now on."""
        with self._lock:
            self._held.update((job.id, job) for job in jobs)

    def begin(self, job: Claimed) -> None:
        """The job is being run."""
        with self._lock:
            self._begun[job.id] = time.monotonic()
            self._report_at[job.id] = self._seconds * 5

    def begun(self) -> list[Claimed]:
        """Those that are being run now."""
        with self._lock:
            return [self._held[job_id] for job_id in self._begun if job_id in self._held]

    def release(self, jobs: Iterable[Claimed]) -> None:
        """These are over, or not ours any more."""
        with self._lock:
            for job in jobs:
                self._held.pop(job.id, None)
                self._begun.pop(job.id, None)
                self._report_at.pop(job.id, None)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew on a thread of its own meanwhile."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="job-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @property
    def _seconds(self) -> float:
        return self._lease.total_seconds()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._seconds / 3):
            try:
                self._renew()
                self._report()
            except Exception:  # the next beat may do better; a lost lease is noticed by its run
                log.exception("leases could not be renewed")

    def _renew(self) -> None:
        with self._lock:
            held = list(self._held.values())
        if held:
            self._site.db.sync.write(_renew, held, self._lease)

    def _report(self) -> None:
        now = time.monotonic()
        with self._lock:
            long = [
                (self._held[job_id], now - begun)
                for job_id, begun in self._begun.items()
                if job_id in self._held and now - begun >= self._report_at[job_id]
            ]
            for job, seconds in long:
                self._report_at[job.id] = seconds * 2
        for job, seconds in long:
            log.warning("job %s (%s) has been running for %.0f s", job.name, job.id, seconds)


def _renew(tx: Tx, jobs: list[Claimed], lease: timedelta) -> None:
    store.renew(tx, jobs, tx.now + lease)
