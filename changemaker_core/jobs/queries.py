"""Reads of the outbox for operators: depths of queues, lists of jobs, known queues."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import peewee

from changemaker_core.db import Query, compiled
from changemaker_core.jobs import statements
from changemaker_core.jobs.models import CoreJob

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.site import Site


class QueueDepth(msgspec.Struct, frozen=True):
    """How many jobs of a queue are in a state, and the earliest time one of them was to start."""

    queue: str
    state: str
    jobs: int
    oldest: datetime


@compiled(QueueDepth)
def queue_depths() -> Query:
    """Return one row for each queue and state, read from a covering index."""
    return (
        CoreJob.select(
            CoreJob.queue,
            CoreJob.state,
            peewee.fn.COUNT(peewee.SQL("*")).alias("jobs"),
            peewee.fn.MIN(CoreJob.wanted_at).alias("oldest"),
        )
        .group_by(CoreJob.queue, CoreJob.state)
        .order_by(CoreJob.queue, CoreJob.state)
    )


class JobView(msgspec.Struct, frozen=True):
    """One job, without its payload; the fields are those of ``CoreJob``."""

    id: str
    name: str
    queue: str
    state: str
    attempts: int
    error: str | None
    wanted_at: datetime
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


_VIEW = tuple(getattr(CoreJob, name) for name in JobView.__struct_fields__)


@compiled(JobView)
def jobs(
    queue: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Return jobs, newest first; with ``before``, those enqueued before the job of that id."""
    query = CoreJob.select(*_VIEW)
    if queue is not None:
        query = query.where(CoreJob.queue == queue)
    if state is not None:
        query = query.where(CoreJob.state == state)
    if before is not None:
        query = query.where(CoreJob.id < before)
    return query.order_by(CoreJob.id.desc()).limit(limit).offset(offset)


def known_queues(site: Site, names: Iterable[str]) -> list[str]:
    """Return the queues of the jobs of these ``names``, and those with unfinished rows; sorted."""
    found = {job.queue for job in map(site.job, names) if job is not None}
    return sorted(found.union(site.db.sync.read(statements.queues_in_use)))
