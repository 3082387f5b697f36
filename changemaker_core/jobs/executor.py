"""Claims due jobs and runs them.

The story of one job: ``_next`` hands it to a thread from those that ``_claim`` has leased; ``_run``
calls its function with a ``JobRun``, through which the function settles it; what the function left
open, ``_perform`` settles. Meanwhile ``leases.LeaseRenewer`` renews the lease. Before each claim
the guard holds queues that must not run, and jobs whose process died after ``at_risk`` become
unknown.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.identity.actor import SYSTEM, current_actor
from changemaker_core.jobs import statements
from changemaker_core.jobs.errors import JobFailed, LeaseLost
from changemaker_core.jobs.job_run import JobRun
from changemaker_core.jobs.leases import LeaseRenewer, reclaim_expired
from changemaker_core.jobs.queries import known_queues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Job
    from changemaker_core.jobs.statements import ClaimedJob, ExpiredJob
    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Seconds after which a job that another process enqueued is noticed.
POLL_SECONDS = 0.5

#: How many claims beyond its attempts a job may use up because processes ended. Some of them had
#: not started it, so that this alone does not make a job dead; but one that ends its process each
#: time must stop.
LAPSES = 5


class Executor:
    """Runs the jobs of a site, or of some of its queues, on ``workers`` threads.

    ``lease`` is how long a claim lasts unless it is renewed. ``batch`` jobs are claimed at once.
    ``names`` are the jobs to run, by default all that the site has; rows of other jobs are left
    alone. Any number of executors may run at once, in any processes.
    """

    def __init__(
        self,
        site: Site,
        queues: Collection[str] | None = None,
        workers: int = 4,
        lease: timedelta = timedelta(seconds=60),
        batch: int = 10,
        *,
        names: Collection[str] | None = None,
    ) -> None:
        self._site = site
        self._queues = None if queues is None else [*queues]
        self._workers = workers
        self._lease = lease
        self._batch = batch
        known = set(site.job_names())
        self._names = sorted(known if names is None else known.intersection(names))
        self._claimed: deque[ClaimedJob] = deque()
        self._claiming = threading.Lock()
        self._leases = LeaseRenewer(site, lease)

    def run_forever(self, stop: threading.Event, grace: timedelta = timedelta(seconds=10)) -> None:
        """Run jobs until ``stop`` is set; then let running jobs finish for at most ``grace``, and
        release the leases of the others: those not started, and those not at risk yet."""
        threads = [
            threading.Thread(target=self._work, args=(stop,), name=f"job-{number}", daemon=True)
            for number in range(self._workers)
        ]
        with self._leases.renewing():
            for thread in threads:
                thread.start()
            stop.wait()
            self._site.jobs.wake_up.notify()
            end = time.monotonic() + grace.total_seconds()
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            if running := sum(thread.is_alive() for thread in threads):
                log.warning(
                    "%d jobs were still running after the grace period; they are released", running
                )
            self.release_all()

    def run_due(self) -> int:
        """Run jobs on this thread until none is due; return the number of runs."""
        with self._leases.renewing():
            return self._run_until_none_is_due(threading.Event())

    def drain(self, seconds: float, stop: threading.Event | None = None) -> int:
        """Run jobs on all threads until none is due; return the number of runs.

        No job is started after about ``seconds``, or after ``stop`` is set.
        """
        stop = stop or threading.Event()
        with self._leases.renewing(), ThreadPoolExecutor(self._workers, "job") as threads:
            runs = [threads.submit(self._run_until_none_is_due, stop) for _ in range(self._workers)]
            wait(runs, seconds)
            stop.set()
            with self._claiming:
                self._release()
        return sum(each.result() for each in runs)

    def release_all(self) -> None:
        """Release the leases of running jobs, too: a job that is not at risk yet finds its lease
        lost at its next step, and another executor claims it at once."""
        self._release(self._leases.running())

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                job = self._next(stop, block=True)
            except Exception:  # the database may be down for now
                log.exception("no job could be claimed")
                stop.wait(POLL_SECONDS)
                continue
            if job is not None:
                self._run(job)

    def _run_until_none_is_due(self, stop: threading.Event) -> int:
        runs = 0
        while (job := self._next(stop, block=False)) is not None:
            self._run(job)
            runs += 1
        return runs

    def _next(self, stop: threading.Event, *, block: bool) -> ClaimedJob | None:
        """Return a claimed job; None once ``stop`` is set, or, without ``block``, if none is due.

        One thread claims and waits for work; the others wait for that thread.
        """
        with self._claiming:
            while not stop.is_set():
                seen = self._site.jobs.wake_up.count
                if not self._claimed:
                    self._claimed.extend(self._claim())
                if self._claimed:
                    return self._claimed.popleft()
                if not block:
                    break
                self._site.jobs.wake_up.wait(seen, POLL_SECONDS)
            return None

    def _claim(self) -> list[ClaimedJob]:
        """Claim jobs of the first queue that has due ones, which then becomes the last queue."""
        if self._queues is None:
            self._queues = known_queues(self._site, self._names)
        self._site.jobs.guard.heartbeat(self._queues)
        expired, due = self._site.db.sync.read(self._expired_and_due, tuple(self._queues))
        reclaim_expired(self._site, expired, self._lease)
        for queue in due:
            claimed = self._site.db.sync.write(self._claim_from, queue)
            if claimed:
                self._leases.add(claimed)
                self._queues.remove(queue)
                self._queues.append(queue)
                return claimed
        return []

    def _expired_and_due(self, queues: Iterable[str]) -> tuple[list[ExpiredJob], list[str]]:
        """Return the jobs to be reclaimed, and the queues that have due jobs."""
        now = self._site.clock()
        statements.prefer_due_index()
        due = [queue for queue in queues if statements.is_due(queue, self._names, now)]
        return statements.expired(self._names, now), due

    def _claim_from(self, tx: Tx, queue: str) -> list[ClaimedJob]:
        self._site.jobs.guard.check(tx, queue)
        token, until = secrets.token_hex(16), tx.now + self._lease
        return statements.claim(tx, queue, self._names, self._batch, token, until)

    def _run(self, claimed: ClaimedJob) -> None:
        """Run one job and settle it, whatever happens."""
        job = self._site.job(claimed.name)
        if job is None:
            raise LookupError(claimed.name)
        self._leases.start(claimed)
        run = JobRun(self._site, job, claimed, self._lease)
        try:
            _perform(run, job)
        except LeaseLost:
            log.warning("job %s (%s): the lease was lost", run.name, run.id)
        except Exception:  # nothing could be written: the lease expires, and the job is found again
            log.exception("job %s (%s) could not be settled", run.name, run.id)
        finally:
            self._leases.remove([claimed])

    def _release(self, running: Collection[ClaimedJob] = ()) -> None:
        """Release the leases of jobs that were not started, and of these ``running`` ones."""
        unfinished = [*self._claimed, *running]
        self._claimed.clear()
        if unfinished:
            self._site.db.sync.write(statements.release, unfinished)
            self._leases.remove(unfinished)


def _perform(run: JobRun, job: Job) -> None:
    """Call the job's function, and settle the job where the function has not."""
    limit = job.retries.attempts
    if limit is not None and run.attempt > limit + LAPSES:
        run.dead("its process ended during each attempt")
        return
    try:
        with _as_system():
            job.func(run, **run.payload)
    except LeaseLost:
        raise
    except (Exception, SystemExit) as error:  # sys.exit() would only end this thread
        if not isinstance(error, JobFailed):
            log.error("job %s (%s) raised", run.name, run.id, exc_info=error)
        text = f"{type(error).__name__}: {error}"
        if run.is_settled:
            return
        if isinstance(error, JobFailed):
            run.dead(str(error))
        elif run.is_at_risk:
            run.unknown(text)
        else:
            run.retry(text)
    else:
        if not run.is_settled:
            run.done()


@contextmanager
def _as_system() -> Iterator[None]:
    """Make the site itself the actor of what a job writes."""
    token = current_actor.set(SYSTEM)
    try:
        yield
    finally:
        current_actor.reset(token)
