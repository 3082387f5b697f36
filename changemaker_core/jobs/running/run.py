"""A claimed job on its way to its outcome: the steps that change its row, and their fence."""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.jobs import statements
from changemaker_core.jobs.errors import LeaseLost
from changemaker_core.jobs.held_queues.trials import end_by_success
from changemaker_core.jobs.lanes import hand_on
from changemaker_core.jobs.running.child import Children

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import TypeAlias

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Job, RetryPolicy
    from changemaker_core.jobs.statements import ClaimedJob
    from changemaker_core.site import Site

    #: Called as ``change(tx, *args)`` in the transaction of a step.
    Change: TypeAlias = Callable[..., object]

log = logging.getLogger(__name__)

#: Seconds before a step after the point of no return is tried again.
STEP_SECONDS = 1.0


class Run:
    """What ``JobRun`` and ``Mailing`` have in common: each step is one transaction, which fails
    with ``LeaseLost`` once the lease is lost."""

    def __init__(self, site: Site, job: Job, claimed: ClaimedJob, lease: timedelta) -> None:
        #: The site.
        self.site = site
        self.job = job
        self.claimed = claimed
        self._lease = lease
        #: Whether ``at_risk`` was committed.
        self.is_at_risk = False
        #: Whether the outcome was committed.
        self.is_settled = False
        #: Set when the run should stop: its process stops, its lease is lost, or it is cancelled.
        #: A function that stops early raises ``JobStopped``; one that returns is done.
        self.stopping = threading.Event()
        #: Whether the job was cancelled.
        self.is_cancelled = claimed.is_cancelled
        #: The programs that the job runs.
        self.children = Children()

    @property
    def id(self) -> str:
        """The job's id, the same for each attempt."""
        return self.claimed.id

    @property
    def name(self) -> str:
        """The job's name."""
        return self.claimed.name

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.claimed.attempts

    @property
    def payload(self) -> dict[str, Any]:
        """The arguments that the job was enqueued with."""
        return self.claimed.payload

    def at_risk(self, fn: Change | None = None, *args: Any) -> None:
        """Pass the point of no return: if the process dies from here on, the job is unknown.

        Raises ``LeaseLost`` also where the job's queue was held meanwhile.
        """

        def step(tx: Tx) -> None:
            statements.mark_at_risk(tx, self.fence, tx.now + self._lease)
            if fn is not None:
                fn(tx, *args)
            if not self.site.jobs.guard.advance(tx, self.job.queue):
                raise LeaseLost(self.id)

        self.commit(step)
        self.is_at_risk = True

    def requeue(
        self,
        error: str,
        fn: Change | None,
        args: tuple[Any, ...] = (),
        after: timedelta | None = None,
        always: Change | None = None,
    ) -> None:
        """Queue the job again as ``JobRun.retry`` does. ``always`` is called in any case."""

        def step(tx: Tx) -> None:
            exhausted = is_exhausted(self.job.retries, self.claimed, tx.now)
            if exhausted or self.is_cancelled:
                state = "cancelled" if self.is_cancelled else "dead"
                self._settle(tx, state, error, self.job.on_dead)
            else:
                age = timedelta(0) if self.claimed.is_trial else tx.now - self.claimed.wanted_at
                left = self.job.retries.deadline - age
                wait = delay(self.job.retries, self.attempt) if after is None else min(after, left)
                statements.requeue(tx, self.fence, tx.now + wait, error)
                if fn is not None:
                    fn(tx, *args)
            if always is not None:
                always(tx)

        self.commit(step)
        self.is_settled = True

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline of the job's retry policy is over."""
        return is_overdue(self.job.retries, self.claimed, self.site.clock())

    @property
    def fence(self) -> statements.Fence:
        """The condition of the next step."""
        state = "at_risk" if self.is_at_risk else "running"
        return statements.Fence(self.id, self.claimed.lease_token, state)

    def finish(
        self,
        state: str,
        error: str | None,
        hook: Change | None,
        fn: Change | None,
        args: tuple[Any, ...] = (),
        always: Change | None = None,
    ) -> None:
        """Settle the job, and call ``fn``, or ``hook`` where there is none; then ``always``."""

        def step(tx: Tx) -> None:
            self._settle(tx, state, error, None if fn is not None else hook)
            if fn is not None:
                fn(tx, *args)
            if always is not None:
                always(tx)

        self.commit(step)
        self.is_settled = True

    def give_back(self, step: Callable[[Tx], None]) -> None:
        """Run a step that queues the job again without an outcome."""
        self.commit(step)
        self.is_settled = True

    def succeed(self, tx: Tx) -> None:
        """Release the queue where it is held and this job was tried."""
        if self.claimed.is_trial:
            end_by_success(tx, self.job.queue)

    def _settle(self, tx: Tx, state: str, error: str | None, hook: Change | None) -> None:
        statements.finish(tx, self.fence, state, error)
        hand_on(tx, self.site, self.claimed.lane)
        if hook is not None:
            self._call_hook(tx, hook, ends=state != "unknown")

    def _call_hook(self, tx: Tx, hook: Change, *, ends: bool) -> None:
        """Call ``on_dead`` or ``on_unknown``. With ``ends`` the job ends where it raises, too:
        otherwise its function would run again and again, long after its deadline. While the
        database is unavailable (a lock is not free, say), the whole step is for later."""
        if not ends:
            hook(tx, **self.payload)
            return
        try:
            with tx.savepoint():
                hook(tx, **self.payload)
        except Exception as error:
            if isinstance(error, DatabaseUnavailable) or tx.db.engine.is_unavailable(error):
                raise
            log.exception(
                "job %s (%s): on_dead failed; the job ends without it", self.name, self.id
            )

    def commit(self, step: Callable[[Tx], None]) -> None:
        """Run a step. One after the point of no return is tried for as long as a lease: what
        happened outside cannot be undone, and only the database can still record it."""
        if self.is_settled:
            raise RuntimeError(f"job {self.id} is already settled")
        until = time.monotonic() + self._lease.total_seconds()
        while True:
            try:
                return self.site.db.sync.write(step)
            except DatabaseUnavailable:
                if not self.is_at_risk or time.monotonic() > until:
                    raise
            time.sleep(STEP_SECONDS)


def delay(retries: RetryPolicy, attempt: int) -> timedelta:
    """Return the time before the next attempt: doubled each time, up to a maximum, ±20 %."""
    doubled = retries.initial * 2.0 ** min(attempt - 1, 20)
    return min(doubled, retries.maximum) * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


def is_exhausted(retries: RetryPolicy, job: ClaimedJob, now: datetime) -> bool:
    """Return whether no attempt is left after this one."""
    often = retries.attempts is not None and job.attempts >= retries.attempts
    return often or is_overdue(retries, job, now)


def is_overdue(retries: RetryPolicy, job: ClaimedJob, now: datetime) -> bool:
    """Return whether the deadline is over. It does not count for a job that is tried while its
    queue is held: it may have waited for days for that."""
    return not job.is_trial and now - job.wanted_at >= retries.deadline
