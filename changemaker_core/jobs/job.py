"""One run of a job: what its function is handed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from changemaker_core.jobs import store
from changemaker_core.jobs.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from typing import TypeAlias

    from changemaker_core.db import Tx
    from changemaker_core.jobs.site import JobSite
    from changemaker_core.jobs.store import Claimed
    from changemaker_core.plugin.types import Backoff, Job
    from changemaker_core.site import Site

    #: Called as ``change(tx, *args)`` in the transaction of a step.
    Change: TypeAlias = Callable[..., object]

P = ParamSpec("P")
R = TypeVar("R")


class JobRun:
    """One run: it reads and writes, and says how the job ended.

    Every write is refused with ``LeaseLost`` once the run was given up for dead. The functions
    given to it are called as ``fn(tx, *args)`` in the transaction that changes the job's state.
    A function that returns without having settled is done; one that raises is tried again, or,
    after ``at_risk``, of unknown outcome.
    """

    def __init__(self, site: JobSite, job: Job, claimed: Claimed, lease: timedelta) -> None:
        self._site = site
        self._job = job
        self._claimed = claimed
        self._lease = lease
        #: Whether ``at_risk`` was committed.
        self.is_at_risk = False
        #: Whether the outcome was committed.
        self.is_settled = False

    @property
    def site(self) -> Site:
        """The site."""
        return cast("Site", self._site)

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
        """Which one this is, from 1."""
        return self._claimed.attempts

    @property
    def payload(self) -> dict[str, Any]:
        """What was enqueued."""
        return self._claimed.payload

    @property
    def created_at(self) -> datetime:
        """When it was enqueued, aware and in UTC."""
        return self._claimed.created_at

    def read(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """``fn(*args)`` on the database."""
        return self._site.db.sync.read(fn, *args, **kwargs)

    def write(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """``fn(tx, *args)`` in a transaction, provided that the lease is held."""

        def fenced(tx: Tx) -> R:
            store.hold(self._fence)
            return fn(tx, *args, **kwargs)

        return self._site.db.sync.write(fenced)

    def at_risk(self, fn: Change | None = None, *args: Any) -> None:
        """The point of no return: from here on, a run that is heard of no more is unknown.

        Raises ``LeaseLost`` also where the job's queue is held meanwhile.
        """

        def step(tx: Tx) -> None:
            store.mark_at_risk(tx, self._fence, tx.now + self._lease)
            _follow(tx, fn, args)
            if not self._site.jobs.guard.advance(tx, self._job.queue):
                raise LeaseLost(self.id)

        self._commit(step)
        self.is_at_risk = True

    def done(self, fn: Change | None = None, *args: Any) -> None:
        """It has worked."""

        def step(tx: Tx) -> None:
            store.finish(tx, self._fence, "done", None)
            _follow(tx, fn, args)

        self._settle(step)

    def retry(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """It has certainly failed, and may work later. Where it was tried long or often enough,
        it is dead, and the job's ``on_dead`` runs instead of ``fn``."""

        def step(tx: Tx) -> None:
            if is_exhausted(self._job.retries, self._claimed, tx.now):
                store.finish(tx, self._fence, "dead", error)
                self._follow_job(tx, self._job.on_dead)
            else:
                due_at = tx.now + wait(self._job.retries, self.attempt)
                store.requeue(tx, self._fence, due_at, error)
                _follow(tx, fn, args)

        self._settle(step)

    def dead(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """It has certainly failed for good. ``fn`` runs in place of the job's ``on_dead``."""
        self._end("dead", error, self._job.on_dead, fn, args)

    def unknown(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Nobody knows whether it worked: a person must look. ``fn`` runs in place of the job's
        ``on_unknown``."""
        self._end("unknown", error, self._job.on_unknown, fn, args)

    @property
    def _fence(self) -> store.Fence:
        state = "at_risk" if self.is_at_risk else "running"
        return store.Fence(self.id, self._claimed.lease, state)

    def _end(
        self, state: str, error: str, hook: Change | None, fn: Change | None, args: tuple[Any, ...]
    ) -> None:
        def step(tx: Tx) -> None:
            store.finish(tx, self._fence, state, error)
            if fn is None:
                self._follow_job(tx, hook)
            else:
                fn(tx, *args)

        self._settle(step)

    def _settle(self, step: Callable[[Tx], None]) -> None:
        self._commit(step)
        self.is_settled = True

    def _commit(self, step: Callable[[Tx], None]) -> None:
        if self.is_settled:
            raise RuntimeError(f"job {self.id} was settled before")
        self._site.db.sync.write(step)

    def _follow_job(self, tx: Tx, hook: Change | None) -> None:
        if hook is not None:
            hook(tx, **self.payload)


def _follow(tx: Tx, fn: Change | None, args: tuple[Any, ...]) -> None:
    if fn is not None:
        fn(tx, *args)


def wait(retries: Backoff, attempt: int) -> timedelta:
    """How long to wait after this attempt: doubling, up to the longest, ±20 %."""
    doubled = retries.first * 2.0 ** min(attempt - 1, 20)
    return min(doubled, retries.longest) * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


def is_exhausted(retries: Backoff, job: Claimed, now: datetime) -> bool:
    """Whether a failure now is the last one."""
    often = retries.attempts is not None and job.attempts >= retries.attempts
    return often or now - job.wanted_at >= retries.within
