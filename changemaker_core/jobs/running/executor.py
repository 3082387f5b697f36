"""Claims due jobs and runs them.

The story of one job: ``_claim`` leases it for a slot of its queue, and ``_next`` hands it to a
thread; ``_run`` calls its function with a ``JobRun``, through which the function settles it; what
the function left open, ``_perform`` settles. Meanwhile ``leases.LeaseRenewer`` renews the lease.
Before each claim the guard holds queues that must not run, and jobs whose process died after
``at_risk`` become unknown.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.db.writes.locks import lock
from changemaker_core.identity.actor import SYSTEM, current_actor
from changemaker_core.identity.origin import current_origin
from changemaker_core.jobs import statements
from changemaker_core.jobs.errors import JobFailed, LeaseLost
from changemaker_core.jobs.held_queues.trials import begin_trial
from changemaker_core.jobs.queries import known_queues, limited_jobs
from changemaker_core.jobs.running.job_run import JobRun
from changemaker_core.jobs.running.leases import LeaseRenewer, reclaim_expired
from changemaker_core.jobs.running.runs import Runs
from changemaker_core.jobs.running.slots import Slots
from changemaker_core.jobs.running.threads import Threads
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Job
    from changemaker_core.jobs.statements import ClaimedJob, ExpiredJob
    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Seconds after which a job that another process enqueued is noticed.
POLL_SECONDS = 0.25
#: Seconds before the next claim where the database is down.
RETRY_SECONDS = 0.5

#: How many claims beyond its attempts a job may use up because processes ended. Some of them had
#: not started it, so that this alone does not make a job dead; but one that ends its process each
#: time stops here, unless its attempts are unlimited.
LAPSES = 5


#: Whether a thread without a job waits for one.
Wait: TypeAlias = Literal["always", "while_running", "never"]


class Executor:
    """Runs the jobs of a site, or of some of its queues, each queue with threads of its own.

    ``concurrency`` is how many jobs of a queue may run at once in this process; queues that it
    does not name have ``workers``. ``lease`` is how long a claim lasts unless it is renewed; a
    claim takes ``batch`` jobs at most. ``names`` are the jobs to run, by default all that the site
    has; rows of other jobs are left alone. Any number of executors may run at once, in any
    processes.
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
        concurrency: Mapping[str, int] | None = None,
    ) -> None:
        self._site = site
        self._queues = None if queues is None else [*queues]
        self._lease = lease
        known = set(site.job_names())
        self._names = sorted(known if names is None else known.intersection(names))
        limits = concurrency or {}
        self._slots = Slots(lambda queue: limits.get(queue, workers), batch)
        self._at_most = limited_jobs(site, self._names)
        self._claiming = threading.Lock()
        self._threads = Threads()
        self._runs = Runs()
        self._leases = LeaseRenewer(site, lease, self._runs.lose)
        self._trouble = Trouble(log, "no job can be claimed")

    def run_forever(self, stop: threading.Event, grace: timedelta = timedelta(seconds=10)) -> None:
        """Run jobs until ``stop`` is set; then let running jobs finish for at most ``grace``, and
        release the leases of the others: those not started, and those not at risk yet."""
        with self._leases.renewing():
            self._threads.start(self._work, stop, "always")
            stop.wait()
            self._runs.stop()
            self._site.jobs.wake_up.notify()
            if running := self._threads.join(grace.total_seconds()):
                log.warning(
                    "%d jobs were still running after the grace period; they are released", running
                )
            self.release_all()

    def run_due(self) -> int:
        """Run jobs on this thread until none is due; return the number of runs."""
        runs = 0
        with self._leases.renewing():
            while (taken := self._next(threading.Event(), "never")) is not None:
                self._run(*taken)
                runs += 1
        return runs

    def drain(self, seconds: float, stop: threading.Event | None = None) -> None:
        """Run jobs on threads until none is due and none is running.

        Jobs that take longer than ``seconds`` do not hold up others, which are started beside them;
        once those have ended, no more are started. Once ``stop`` is set, by a signal's handler too,
        no more are started either, and the running ones are asked to stop.
        """
        stop, no_more = stop or threading.Event(), threading.Event()
        until, long = time.monotonic() + seconds, None
        with self._leases.renewing():
            self._threads.start(self._work, no_more, "while_running")
            while self._threads.join(POLL_SECONDS):
                if stop.is_set():
                    self._runs.stop()
                    no_more.set()
                elif time.monotonic() >= until:
                    running = {job.lease for job in self._leases.running()}
                    long = running if long is None else long
                    if not long & running:
                        no_more.set()
                if no_more.is_set():
                    self._site.jobs.wake_up.notify()
            with self._claiming:
                self._release(self._slots.unstarted())

    def release_all(self) -> None:
        """Release the leases of running jobs, too, once their programs are dead: a job that is not
        at risk yet finds its lease lost at its next step, and another executor claims it at once.
        """
        self._runs.end()
        self._release([*self._slots.unstarted(), *self._leases.running()])

    def _work(self, stop: threading.Event, wait: Wait) -> None:
        """Run jobs on a thread, which starts the next thread when none is left to claim."""
        while not stop.is_set():
            try:
                with self._threads.waiting():
                    taken = self._next(stop, wait)
            except Exception as error:  # the database may be down for now
                self._trouble.failed(error, traceback=not isinstance(error, DatabaseUnavailable))
                stop.wait(RETRY_SECONDS)
                continue
            if taken is not None:
                self._threads.ensure_one_waits(self._work, stop, wait)
                self._run(*taken)

    def _next(self, stop: threading.Event, wait: Wait) -> tuple[str, ClaimedJob] | None:
        """Return a claimed job and its queue; None once ``stop`` is set.

        If none is due, it waits ``always``, or ``while_running``, until no job runs any more, or
        ``never``. One thread claims and waits for work; the others wait for that thread.
        """
        wake_up = self._site.jobs.wake_up
        with self._claiming:
            while not stop.is_set():
                seen = wake_up.count
                taken = self._slots.take() or (self._slots.take() if self._claim() else None)
                if taken is not None:
                    return taken
                if wait == "never":
                    break
                if wait == "while_running" and self._slots.are_idle:
                    stop.set()
                    break
                wake_up.wait(seen, POLL_SECONDS)
            return None

    def _claim(self) -> list[ClaimedJob]:
        """Claim due jobs of each queue that has a free slot, and return them."""
        if self._queues is None:
            self._queues = known_queues(self._site, self._names)
        self._site.jobs.guard.heartbeat(self._queues)
        free = {queue: limit for queue in self._queues if (limit := self._slots.claimable(queue))}
        expired, due = self._site.db.sync.read(self._expired_and_due, tuple(free))
        if (running := self._runs.ids()) and (
            cancelled := self._site.db.sync.read(statements.cancelled, running)
        ):
            self._runs.cancel(cancelled)
        if expired:  # their lanes may have handed on to jobs that are due now
            reclaim_expired(self._site, expired, self._lease)
            _, due = self._site.db.sync.read(self._expired_and_due, tuple(free))
        claimed: list[ClaimedJob] = []
        for queue in due:
            jobs = self._site.db.sync.write(self._claim_from, queue, free[queue])
            self._leases.add(jobs)
            self._slots.add(queue, jobs)
            claimed += jobs
        self._trouble.passed()
        return claimed

    def _expired_and_due(self, queues: Iterable[str]) -> tuple[list[ExpiredJob], list[str]]:
        """Return the jobs to be reclaimed, and the queues that have due jobs."""
        now = self._site.clock()
        due = statements.queues_with_due(queues, self._names, self._at_most, now)
        return statements.expired(self._names, now), due

    def _claim_from(self, tx: Tx, queue: str, limit: int) -> list[ClaimedJob]:
        self._site.jobs.guard.check(tx, queue)
        token, until = secrets.token_hex(16), tx.now + self._lease
        unlimited = [name for name in self._names if name not in self._at_most]
        limited = {n: most for n, most in self._at_most.items() if self._job(n).queue == queue}
        lock(f"at_most {name}" for name in limited)
        left = statements.left(limited, tx.now)
        shares = [(unlimited, limit), *(([name], most) for name, most in left.items())]
        claimed = statements.claim(tx, queue, shares, limit, token, until)
        if not claimed and begin_trial(tx, queue):
            claimed = statements.claim(tx, queue, shares, 1, token, until, is_trial=True)
        return sorted(claimed, key=lambda job: (job.wanted_at, job.id))

    def _run(self, queue: str, claimed: ClaimedJob) -> None:
        """Run one job and settle it, whatever happens."""
        job = self._job(claimed.name)
        self._leases.start(claimed, job.expected)
        run = JobRun(self._site, job, claimed, self._lease)
        self._runs.add(run)
        began = time.monotonic()
        try:
            _perform(run, job)
        except LeaseLost:
            log.warning("job %s (%s): the lease was lost", run.name, run.id)
        except Exception:  # nothing could be written: the lease expires, and the job is found again
            log.exception("job %s (%s) could not be settled", run.name, run.id)
        finally:
            self._runs.remove(run)
            self._leases.remove([claimed])
            if self._slots.finished(queue, time.monotonic() - began) or job.at_most:
                self._site.jobs.wake_up.notify()

    def _job(self, name: str) -> Job:
        job = self._site.job(name)
        if job is None:
            raise LookupError(name)
        return job

    def _release(self, unfinished: Collection[ClaimedJob]) -> None:
        if unfinished:
            self._site.db.sync.write(statements.release, unfinished)
            self._leases.remove(unfinished)


def _perform(run: JobRun, job: Job) -> None:
    """Call the job's function, and settle the job where the function has not."""
    limit = job.retries.attempts
    if limit is not None and run.attempt > limit + LAPSES:
        run.lapsed()
        return
    if run.is_cancelled:
        run.cancelled()
        return
    try:
        with _as_system(run):
            job.func(run, **run.payload)
    except LeaseLost:
        raise
    except (Exception, SystemExit) as error:  # sys.exit() would only end this thread
        if run.is_stopped_by(error):
            (run.cancelled if run.is_cancelled else run.release)()
            return
        if isinstance(error, DatabaseUnavailable):
            log.warning("job %s (%s): the database is unavailable: %s", run.name, run.id, error)
        elif not isinstance(error, JobFailed):
            log.error("job %s (%s) raised", run.name, run.id, exc_info=error)
        text = f"{type(error).__name__}: {error}"
        if run.is_settled:
            return
        if isinstance(error, JobFailed):
            run.dead(str(error))
        elif isinstance(error, DatabaseUnavailable) and not run.is_at_risk:
            run.postpone(text)
        elif run.is_at_risk:
            run.unknown(text)
        else:
            run.retry(text)
    else:
        if not run.is_settled:
            run.returned()


@contextmanager
def _as_system(run: JobRun) -> Iterator[None]:
    """Make the site itself the actor of what a job writes, and the job its origin."""
    token, cause = current_actor.set(SYSTEM), current_origin.set(run)
    try:
        yield
    finally:
        current_origin.reset(cause)
        current_actor.reset(token)
