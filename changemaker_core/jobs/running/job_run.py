"""One run of a job: the ``JobRun`` that its function is called with."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from changemaker_core.jobs import statements
from changemaker_core.jobs.errors import LeaseLost
from changemaker_core.jobs.lanes import hand_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from typing import TypeAlias

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Job, RetryPolicy
    from changemaker_core.jobs.statements import ClaimedJob
    from changemaker_core.site import Site

    #: Called as ``change(tx, *args)`` in the transaction of a step.
    Change: TypeAlias = Callable[..., object]

P = ParamSpec("P")
R = TypeVar("R")


class JobRun:
    """One run of a job: it reads and writes, and settles how the job ended.

    Once the lease is lost, every step raises ``LeaseLost``. A function ``fn`` given to a
    step is called as ``fn(tx, *args)`` in the transaction that changes the job's state. A job whose
    function returns without having settled it is done; one whose function raises is retried, or,
    after ``at_risk``, of unknown outcome.
    """

    def __init__(self, site: Site, job: Job, claimed: ClaimedJob, lease: timedelta) -> None:
        #: The site.
        self.site = site
        self._job = job
        self._claimed = claimed
        self._lease = lease
        #: Whether ``at_risk`` was committed.
        self.is_at_risk = False
        #: Whether the outcome was committed.
        self.is_settled = False

    @property
    def id(self) -> str:
        """The job's id, the same for each attempt."""
        return self._claimed.id

    @property
    def name(self) -> str:
        """The job's name."""
        return self._claimed.name

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._claimed.attempts

    @property
    def payload(self) -> dict[str, Any]:
        """The arguments that the job was enqueued with."""
        return self._claimed.payload

    @property
    def created_at(self) -> datetime:
        """When the job was enqueued, aware and in UTC."""
        return self._claimed.created_at

    def read(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``fn(*args)``, called on the database."""
        return self.site.db.sync.read(fn, *args, **kwargs)

    def write(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``fn(tx, *args)``, called in a transaction. Raises ``LeaseLost``."""

        def fenced(tx: Tx) -> R:
            statements.require_lease(self._fence)
            return fn(tx, *args, **kwargs)

        return self.site.db.sync.write(fenced)

    def at_risk(self, fn: Change | None = None, *args: Any) -> None:
        """Pass the point of no return: if the process dies from here on, the job is unknown.

        Raises ``LeaseLost`` also where the job's queue was held meanwhile.
        """

        def step(tx: Tx) -> None:
            statements.mark_at_risk(tx, self._fence, tx.now + self._lease)
            if fn is not None:
                fn(tx, *args)
            if not self.site.jobs.guard.advance(tx, self._job.queue):
                raise LeaseLost(self.id)

        self._commit(step)
        self.is_at_risk = True

    def done(self, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as done."""
        self._finish("done", None, None, fn, args)

    def retry(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Queue the job again: it has certainly failed, and may succeed later.

        Where its retry policy is exhausted the job is dead, and its ``on_dead`` is called instead
        of ``fn``.
        """

        def step(tx: Tx) -> None:
            if is_exhausted(self._job.retries, self._claimed, tx.now):
                statements.finish(tx, self._fence, "dead", error)
                hand_on(tx, self.site, self._claimed.lane)
                if self._job.on_dead is not None:
                    self._job.on_dead(tx, **self.payload)
                return
            due_at = tx.now + delay(self._job.retries, self.attempt)
            statements.requeue(tx, self._fence, due_at, error)
            if fn is not None:
                fn(tx, *args)

        self._commit(step)
        self.is_settled = True

    def dead(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as failed for good. ``fn`` is called instead of the job's ``on_dead``."""
        self._finish("dead", error, self._job.on_dead, fn, args)

    def unknown(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as unknown: a person must find out whether it succeeded. ``fn`` is called
        instead of the job's ``on_unknown``."""
        self._finish("unknown", error, self._job.on_unknown, fn, args)

    @property
    def _fence(self) -> statements.Fence:
        state = "at_risk" if self.is_at_risk else "running"
        return statements.Fence(self.id, self._claimed.lease_token, state)

    def _finish(
        self,
        state: str,
        error: str | None,
        hook: Change | None,
        fn: Change | None,
        args: tuple[Any, ...],
    ) -> None:
        def step(tx: Tx) -> None:
            statements.finish(tx, self._fence, state, error)
            hand_on(tx, self.site, self._claimed.lane)
            if fn is not None:
                fn(tx, *args)
            elif hook is not None:
                hook(tx, **self.payload)

        self._commit(step)
        self.is_settled = True

    def _commit(self, step: Callable[[Tx], None]) -> None:
        if self.is_settled:
            raise RuntimeError(f"job {self.id} is already settled")
        self.site.db.sync.write(step)


def delay(retries: RetryPolicy, attempt: int) -> timedelta:
    """Return the time before the next attempt: doubled each time, up to a maximum, ±20 %."""
    doubled = retries.initial * 2.0 ** min(attempt - 1, 20)
    return min(doubled, retries.maximum) * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


def is_exhausted(retries: RetryPolicy, job: ClaimedJob, now: datetime) -> bool:
    """Return whether no attempt is left after this one."""
    often = retries.attempts is not None and job.attempts >= retries.attempts
    return often or now - job.wanted_at >= retries.deadline
