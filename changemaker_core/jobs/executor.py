"""Claims jobs and runs them."""

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

from changemaker_core.db import current_actor
from changemaker_core.identity.actor import SYSTEM
from changemaker_core.jobs import store
from changemaker_core.jobs.errors import JobFailed, LeaseLost
from changemaker_core.jobs.heartbeat import Heartbeat
from changemaker_core.jobs.job import JobRun
from changemaker_core.jobs.queues import known_queues
from changemaker_core.jobs.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from changemaker_core.db import Tx
    from changemaker_core.jobs.site import JobSite
    from changemaker_core.jobs.store import Claimed, Expired
    from changemaker_core.plugin.types import Job

log = logging.getLogger(__name__)

#: How long a job that another process enqueued may wait to be noticed.
POLL_SECONDS = 0.5

#: How many claims beyond its attempts a job may use up because processes ended: some of them had
#: not even begun it, so that a job is not dead of that alone, but one that ends them must stop.
LAPSES = 5


class Executor:
    """Runs the jobs of a site, or of some of its queues, on ``workers`` threads.

    ``lease`` is how long a job is left alone after its process was last heard of. ``batch`` jobs
    are claimed at once. ``names`` are the jobs to run, all that the site knows without it; rows of
    any other job are left alone. Any number of executors may run at once, in any processes.
    """

    def __init__(
        self,
        site: JobSite,
        queues: Collection[str] | None = None,
        workers: int = 4,
        lease: timedelta = timedelta(seconds=60),
        batch: int = 10,
        *,
        names: Collection[str] | None = None,
    ) -> None:
        self._site = site
        self._wanted_queues = queues
        self._workers = workers
        self._lease = lease
        self._batch = batch
        known = set(site.job_names())
        self._names = sorted(known if names is None else known.intersection(names))
        self._queues: list[str] = []
        self._waiting: deque[Claimed] = deque()
        self._claiming = threading.Lock()
        self._heartbeat = Heartbeat(site, lease)

    def run_forever(self, stop: threading.Event, grace: timedelta = timedelta(seconds=10)) -> None:
        """Work until ``stop`` is set; then finish what is running, for at most ``grace``, and give
        back the rest: what was not begun, and what is not at risk yet and now cannot be."""
        threads = [
            threading.Thread(target=self._work, args=(stop,), name=f"job-{number}", daemon=True)
            for number in range(self._workers)
        ]
        with self._heartbeat.beating():
            for thread in threads:
                thread.start()
            stop.wait()
            self._site.jobs.bell.ring()
            self._join(threads, grace)
            self.give_back_begun()

    def run_due(self) -> int:
        """Run everything that is due, here and now, until nothing is; answers how many runs."""
        return self._drain(time.monotonic() + 3600 * 24, self._batch)

    def drain(
        self, queue: str, seconds: float, batch: int, stop: threading.Event | None = None
    ) -> int:
        """Run what is due in ``queue`` on all threads; answers how many runs.

        Nothing is begun after about ``seconds``, or after ``stop`` is set.
        """
        self._queues = [queue]
        over = stop or threading.Event()
        with self._heartbeat.beating(), ThreadPoolExecutor(self._workers, "job") as threads:
            working = [threads.submit(self._work_off, over, batch) for _ in range(self._workers)]
            wait(working, seconds)
            over.set()
            with self._claiming:
                self._give_back()
        return sum(each.result() for each in working)

    def _work_off(self, over: threading.Event, batch: int) -> int:
        """Run jobs until none is due."""
        runs = 0
        while (job := self._take_before(over, batch)) is not None:
            self._run(job)
            runs += 1
        return runs

    def _take_before(self, over: threading.Event, batch: int) -> Claimed | None:
        with self._claiming:
            return None if over.is_set() else self._take(batch)

    def _drain(self, end: float, batch: int) -> int:
        runs = 0
        with self._heartbeat.beating():
            while time.monotonic() < end and (job := self._take(batch)) is not None:
                self._run(job)
                runs += 1
            self._give_back()
        return runs

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                job = self._next(stop)
            except Exception:  # the database is away, perhaps; it may be back
                log.exception("no job could be claimed")
                stop.wait(POLL_SECONDS)
                continue
            if job is not None:
                self._run(job)

    def _next(self, stop: threading.Event) -> Claimed | None:
        """The next job. One thread waits for work; the others wait for that thread."""
        with self._claiming:
            while not stop.is_set():
                heard = self._site.jobs.bell.rings
                job = self._take(self._batch)
                if job is not None:
                    return job
                self._site.jobs.bell.wait(heard, POLL_SECONDS)
            return None

    def _take(self, batch: int) -> Claimed | None:
        """A job that was claimed before, or the first of a new claim."""
        if not self._waiting:
            self._waiting.extend(self._claim(batch))
        return self._waiting.popleft() if self._waiting else None

    def _claim(self, batch: int) -> list[Claimed]:
        """Claim from the first queue that has something, turn about, so that none starves."""
        self._site.jobs.guard.beat(self._known_queues())
        expired, due = self._site.db.sync.read(self._look, tuple(self._known_queues()))
        sweep(self._site, expired, self._lease)
        for queue in due:
            claimed = self._site.db.sync.write(self._claim_from, queue, batch)
            self._heartbeat.hold(claimed)
            if claimed:
                self._queues.remove(queue)
                self._queues.append(queue)
                return claimed
        return []

    def _look(self, queues: Iterable[str]) -> tuple[list[Expired], list[str]]:
        """What was given up at its point of no return, and which queues have work."""
        now = self._site.clock()
        store.in_index_order()
        due = [queue for queue in queues if store.is_due(queue, self._names, now)]
        return store.expired(self._names, now), due

    def _claim_from(self, tx: Tx, queue: str, batch: int) -> list[Claimed]:
        until = tx.now + self._lease
        self._site.jobs.guard.check(tx, queue)
        return store.claim(tx, queue, self._names, batch, secrets.token_hex(16), until)

    def _known_queues(self) -> list[str]:
        """The queues of the jobs, and those where older rows of them may wait."""
        if not self._queues:
            wanted = self._wanted_queues
            self._queues = known_queues(self._site, self._names) if wanted is None else [*wanted]
        return self._queues

    def _run(self, claimed: Claimed) -> None:
        """Run one job and settle it, whatever happens."""
        job = self._site.job(claimed.name)
        if job is None:
            raise LookupError(claimed.name)
        self._heartbeat.begin(claimed)
        run = JobRun(self._site, job, claimed, self._lease)
        try:
            _perform(run, job)
        except LeaseLost:
            log.warning("job %s (%s): the lease was lost", run.name, run.id)
        except Exception:  # nothing could be written: the lease ends, and the job is found again
            log.exception("job %s (%s) could not be settled", run.name, run.id)
        finally:
            self._heartbeat.release([claimed])

    def _join(self, threads: list[threading.Thread], grace: timedelta) -> None:
        end = time.monotonic() + grace.total_seconds()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        left = sum(thread.is_alive() for thread in threads)
        if left:
            log.warning("%d jobs were still running at the end; they are given back", left)

    def give_back_begun(self) -> None:
        """Return all leases, those of running jobs too: one that is not at risk yet finds its own
        lost, and another executor takes it at once."""
        self._give_back(self._heartbeat.begun())

    def _give_back(self, cut_off: Collection[Claimed] = ()) -> None:
        unfinished = [*self._waiting, *cut_off]
        self._waiting.clear()
        if unfinished:
            self._site.db.sync.write(store.give_back, unfinished)
            self._heartbeat.release(unfinished)


def _perform(run: JobRun, job: Job) -> None:
    """Call the job's function; what it did not say about the outcome is said here."""
    limit = job.retries.attempts
    if limit is not None and run.attempt > limit + LAPSES:
        run.dead("its process ended each time before it did")
        return
    try:
        with _acting():
            job.func(run, **run.payload)
    except LeaseLost:
        raise
    except (Exception, SystemExit) as error:  # sys.exit() would only end this thread
        _settle_after(run, error)
    else:
        if not run.is_settled:
            run.done()


def _settle_after(run: JobRun, error: BaseException) -> None:
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, JobFailed):
        log.error("job %s (%s) raised", run.name, run.id, exc_info=error)
    if run.is_settled:
        return
    if isinstance(error, JobFailed):
        run.dead(str(error))
    elif run.is_at_risk:
        run.unknown(text)
    else:
        run.retry(text)


@contextmanager
def _acting() -> Iterator[None]:
    """Whatever a job writes, the site itself has written."""
    token = current_actor.set(SYSTEM)
    try:
        yield
    finally:
        current_actor.reset(token)
