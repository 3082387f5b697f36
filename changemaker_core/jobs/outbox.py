"""The outbox: jobs and events become rows in the transaction that they belong to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from changemaker_core.db import new_id
from changemaker_core.jobs import payload as payloads
from changemaker_core.jobs import statements
from changemaker_core.jobs.declarations import Job
from changemaker_core.jobs.errors import UnknownJob
from changemaker_core.jobs.held_queues.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Mapping
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

    def enqueue(
        self,
        tx: Tx,
        job: NamedJob | str,
        payload: Mapping[str, Any],
        *,
        due_at: datetime | None = None,
        key: str | None = None,
    ) -> str:
        """Insert a job and return its id.

        Where an unfinished job has the same ``key``, nothing is inserted and its id is returned.
        Raises ``UnknownJob`` and ``PayloadRefused``.
        """
        name = job if isinstance(job, str) else job.name
        known = self._site.job(name)
        if known is None:
            raise UnknownJob(name, self._site.job_names())
        text = payloads.encode(payload)
        while True:
            job_id = new_id()
            due = due_at or tx.now
            if statements.insert(tx, job_id, known.name, known.queue, text, due, key):
                tx.after_commit(self.wake_up.notify)
                return job_id
            # NOTE(race): between the two statements the job may have ended and freed its key.
            existing = statements.id_of_key(key) if key is not None else None
            if existing is not None:
                return existing

    def emit(self, tx: Tx, event: str, payload: Mapping[str, Any]) -> None:
        """Insert one job for each subscriber of ``event``."""
        for subscription in self._site.subscriptions(event):
            self.enqueue(tx, subscription_job(subscription), payload)


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
