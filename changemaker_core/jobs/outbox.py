"""The outbox: jobs and events become rows in the transaction that they belong to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from changemaker_core.db import new_id
from changemaker_core.jobs import lanes, statements
from changemaker_core.jobs import payload as payloads
from changemaker_core.jobs.declarations import Job
from changemaker_core.jobs.errors import UnknownJob
from changemaker_core.jobs.held_queues.guard import Guard
from changemaker_core.jobs.held_queues.trials import Failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.db.database import NamedJob
    from changemaker_core.jobs.declarations import Subscription
    from changemaker_core.site import Site


class Outbox:
    """A site's outbox, which ``tx.enqueue`` and ``tx.emit`` write to."""

    def __init__(self, site: Site) -> None:
        self._site = site
        #: Notified when this process has committed new jobs.
        self.wake_up = WakeUp()
        #: Holds queues after a restore or a long silence.
        self.guard = Guard(site)
        #: Holds queues in which nothing succeeds any more.
        self.failures = Failures()
        self._parameters: dict[str, payloads.Parameters] = {}

    def enqueue(
        self,
        tx: Tx,
        job: NamedJob | str,
        payload: Mapping[str, Any],
        *,
        due_at: datetime | None = None,
        key: str | None = None,
        lane: str | None = None,
    ) -> str:
        """Insert a job and return its id.

        Where a job with the same ``key`` waits, nothing is inserted and its id is returned. (Where
        it starts before this transaction ends, another one is inserted after all.) Raises
        ``UnknownJob``, ``PayloadRefused`` (also where the job's function does not take the
        payload), and ``ValueError`` for a key or lane that cannot be.
        """
        name = job if isinstance(job, str) else job.name
        known = self._site.job(name)
        if known is None:
            raise UnknownJob(name, self._site.job_names())
        text = payloads.encode(payload)
        self._parameters_of(known).check(payload)
        tx.after_commit(self.wake_up.notify)
        job_id, due = new_id(), due_at or tx.now
        if key is None and lane is None:
            statements.insert(tx, job_id, known.name, known.queue, text, due)
            return job_id
        if key is not None and lane is not None:
            raise ValueError("a job has a key or a lane: a key gives it a lane of its own")
        where = _lane_of(key, lane)
        existing = _waiting(tx, where) if key is not None else None
        once = key is not None
        tx.deferred.append(lanes.InLane(where, job_id, known.name, known.queue, text, due, once))
        return existing or job_id

    def cancel(self, tx: Tx, job_id: str) -> bool:
        """Ask for a job to be cancelled; return False where it has finished or does not exist."""
        tx.after_commit(self.wake_up.notify)
        return statements.cancel(tx, job_id)

    def is_cancellable(self, name: str) -> bool:
        """Return whether operators may cancel the jobs of this name: all but those of which their
        plugin says otherwise."""
        job = self._site.job(name)
        return job is None or job.cancellable

    def apply(self, tx: Tx, deferred: Sequence[Any]) -> None:
        """Do what was deferred to the end of the transaction."""
        lanes.apply(tx, deferred)

    def emit(self, tx: Tx, event: str, payload: Mapping[str, Any]) -> None:
        """Insert one job for each subscriber of ``event``."""
        subscriptions = self._site.subscriptions(event)
        text = payloads.encode(payload) if subscriptions else ""
        for subscription in subscriptions:
            # The payload is not compared: no transaction fails because of another's subscriber.
            job = subscription_job(subscription)
            tx.after_commit(self.wake_up.notify)
            statements.insert(tx, new_id(), job.name, job.queue, text, tx.now)

    def _parameters_of(self, job: Job) -> payloads.Parameters:
        if (found := self._parameters.get(job.name)) is None:
            found = self._parameters[job.name] = payloads.Parameters(job)
        return found


def _lane_of(key: str | None, lane: str | None) -> str:
    if key is not None:
        return lanes.KEY + lanes.checked(key, "key")
    return lanes.checked(lane or "", "lane")


def _waiting(tx: Tx, lane: str) -> str | None:
    """Return the id of the job of this lane that waits, or else that this transaction inserts."""
    if (waiting := lanes.waiting_id(lane)) is not None:
        return waiting  # what was deferred will find it, and not be inserted
    deferred = (c for c in tx.deferred if isinstance(c, lanes.InLane) and c.lane == lane)
    return next((change.job_id for change in deferred), None)


class WakeUp:
    """Wakes the executors of this process after a commit that enqueued a job.

    A waiting thread passes the ``count`` that it saw before it looked for work, so that it misses
    no notification.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        #: How many notifications there were.
        self.count = 0

    def notify(self) -> None:
        """Wake every waiting thread."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Return once ``count`` differs from ``seen``, at the latest after ``seconds``."""
        with self._condition:
            self._condition.wait_for(lambda: self.count != seen, seconds)


def subscription_job(subscription: Subscription) -> Job:
    """Return the job that calls the subscriber, named after the event and the function."""
    func = subscription.func
    return Job(f"{subscription.event}>{func.__module__}.{func.__qualname__}", func, queue="events")
