"""Leases: renewed while their jobs run, and what happens to a job whose lease expires.

A claim leases a job for a minute. While the job runs, ``LeaseRenewer`` renews the lease. A process
that dies stops renewing, and the lease expires. Then a job that was not at risk is due again, and
the next claim takes it; one that had passed its point of no return is reclaimed: it becomes
``unknown`` and waits for a person.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.jobs import statements
from changemaker_core.jobs.lanes import hand_on
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import timedelta

    from changemaker_core.db import Tx
    from changemaker_core.jobs.statements import ClaimedJob, ExpiredJob, Lease
    from changemaker_core.site import Site

log = logging.getLogger(__name__)


class LeaseRenewer:
    """Renews the leases of this process's jobs, three times in a lease's length.

    A job that never ends keeps its lease, and is reported again and again, each time after twice
    as long: only a person can tell whether it hangs.
    """

    def __init__(
        self, site: Site, lease: timedelta, on_lost: Callable[[Collection[Lease]], None]
    ) -> None:
        self._site = site
        self._lease = lease
        self._on_lost = on_lost
        self._renewed_at = time.monotonic()
        self._leased: dict[Lease, ClaimedJob] = {}
        self._started: dict[Lease, float] = {}
        self._report_at: dict[Lease, float] = {}
        self._lock = threading.Lock()
        self._trouble = Trouble(log, "leases cannot be renewed")

    def add(self, jobs: Iterable[ClaimedJob]) -> None:
        """Renew the leases of these jobs from now on."""
        with self._lock:
            self._leased.update((job.lease, job) for job in jobs)

    def start(self, job: ClaimedJob, expected: timedelta | None = None) -> None:
        """Record that the job is running, and is reported after twice its ``expected`` time."""
        with self._lock:
            self._started[job.lease] = time.monotonic()
            report_after = self._lease * 5 if expected is None else expected * 2
            self._report_at[job.lease] = report_after.total_seconds()

    def running(self) -> list[ClaimedJob]:
        """Return the jobs that are running."""
        with self._lock:
            return [self._leased[lease] for lease in self._started if lease in self._leased]

    def remove(self, jobs: Iterable[ClaimedJob]) -> None:
        """Stop renewing the leases of these jobs, which are settled or released."""
        with self._lock:
            for job in jobs:
                self._leased.pop(job.lease, None)
                self._started.pop(job.lease, None)
                self._report_at.pop(job.lease, None)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew on a thread while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="job-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._lease.total_seconds() / 3):
            with self._lock:
                jobs = list(self._leased.values())
            try:
                self._renew(jobs)
            except Exception as error:  # retried at the next turn
                self._trouble.failed(error, traceback=not isinstance(error, DatabaseUnavailable))
                if time.monotonic() - self._renewed_at > self._lease.total_seconds():
                    self._on_lost([job.lease for job in jobs])
            else:
                self._trouble.passed()
            self._report_long_runs()

    def _renew(self, jobs: list[ClaimedJob]) -> None:
        """Renew these leases; the runs of those that are lost are asked to stop."""
        now = time.monotonic()
        held = self._site.db.sync.write(_renew, jobs, self._lease) if jobs else set()
        self._renewed_at = now
        with self._lock:
            leases = [job.lease for job in jobs]
            lost = [lease for lease in leases if lease not in held and lease in self._leased]
        if lost:
            self._on_lost(lost)

    def _report_long_runs(self) -> None:
        now = time.monotonic()
        with self._lock:
            long = [
                (self._leased[lease], now - started)
                for lease, started in self._started.items()
                if lease in self._leased and now - started >= self._report_at[lease]
            ]
            for job, seconds in long:
                self._report_at[job.lease] = seconds * 2
        for job, seconds in long:
            log.warning("job %s (%s) has been running for %.0f s", job.name, job.id, seconds)


def _renew(tx: Tx, jobs: list[ClaimedJob], lease: timedelta) -> set[Lease]:
    return statements.renew(tx, jobs, tx.now + lease)


def reclaim_expired(site: Site, jobs: Iterable[ExpiredJob], lease: timedelta) -> None:
    """Mark jobs unknown whose process died after ``at_risk``, with the plugin's rows.

    Each has a transaction of its own, in which the job's ``on_unknown`` is called. Where that
    raises, the job is left as it was and found again after the length of a lease.
    """
    for job in jobs:
        try:
            site.db.sync.write(_mark_unknown, site, job)
        except Exception:
            log.exception("job %s (%s): on_unknown failed", job.name, job.id)
            site.db.sync.write(_postpone, job, lease)


def _mark_unknown(tx: Tx, site: Site, expired: ExpiredJob) -> None:
    error = "its process ended after the point of no return"
    job = site.job(expired.name)
    if statements.mark_unknown(tx, expired, error):
        hand_on(tx, site, expired.lane)
        if job is not None and job.on_unknown:
            job.on_unknown(tx, **expired.payload)


def _postpone(tx: Tx, job: ExpiredJob, lease: timedelta) -> None:
    statements.postpone(tx, job, tx.now + lease)
