"""The way in: jobs and events become rows of the transaction that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.db import new_id
from changemaker_core.jobs import payload as payloads
from changemaker_core.jobs import store
from changemaker_core.jobs.bell import Bell
from changemaker_core.jobs.errors import UnknownJob
from changemaker_core.jobs.guard import Guard
from changemaker_core.plugin.types import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.jobs.site import JobSite
    from changemaker_core.plugin.types import Subscription


class Outbox:
    """A site's outbox: what ``tx.enqueue`` and ``tx.emit`` write to."""

    def __init__(self, site: JobSite) -> None:
        self._site = site
        #: Rung when something of this process was enqueued and committed.
        self.bell = Bell()
        #: What holds queues after a restore or a long silence.
        self.guard = Guard(site)

    def enqueue(
        self,
        tx: Tx,
        job: Job | str,
        payload: Mapping[str, Any],
        *,
        due_at: datetime | None = None,
        key: str | None = None,
    ) -> str:
        """Insert a job; returns its id.

        ``key``: where a job of this key is waiting or running, nothing is inserted and its id is
        returned. Raises ``UnknownJob`` and ``PayloadRefused``.
        """
        known = self._known(job if isinstance(job, str) else job.name)
        text = payloads.encode(payload)
        while True:
            job_id = new_id()
            due = due_at or tx.now
            if store.insert(tx, job_id, known.name, known.queue, text, due, key):
                tx.after_commit(self.bell.ring)
                return job_id
            # Between the two statements the job may have ended and let go of its key.
            holder = store.holder(key) if key is not None else None
            if holder is not None:
                return holder

    def emit(self, tx: Tx, event: str, payload: Mapping[str, Any]) -> None:
        """Insert one job for each subscriber of ``event``."""
        for subscription in self._site.subscriptions(event):
            self.enqueue(tx, subscription_job(subscription), payload)

    def _known(self, name: str) -> Job:
        job = self._site.job(name)
        if job is None:
            raise UnknownJob(name, self._site.job_names())
        return job


def subscription_job(subscription: Subscription) -> Job:
    """The job as which ``subscription`` hears of its event; named after both."""
    func = subscription.func
    return Job(f"{subscription.event}>{func.__module__}.{func.__qualname__}", func, queue="events")
