"""How much work there is, and what became of each piece."""

from __future__ import annotations

from datetime import datetime

import msgspec
import peewee

from changemaker_core.db import Query, compiled
from changemaker_core.jobs.model import CoreJob


class QueueDepth(msgspec.Struct, frozen=True):
    """How many jobs of a queue are in a state, and since when the oldest of them was wanted."""

    queue: str
    state: str
    jobs: int
    oldest: datetime


@compiled(QueueDepth)
def queue_depths() -> Query:
    """One row for each queue and state that there is, read from an index that holds all of it."""
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
    """One job, without its payload. ``state`` is as ``CoreJob`` says; ``wanted_at`` is when it was
    first to start, ``due_at`` when it may be claimed next, if ever."""

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
    """Jobs that are kept, newest first; those enqueued before the one of the id ``before``."""
    query = CoreJob.select(*_VIEW)
    if queue is not None:
        query = query.where(CoreJob.queue == queue)
    if state is not None:
        query = query.where(CoreJob.state == state)
    if before is not None:
        query = query.where(CoreJob.id < before)
    return query.order_by(CoreJob.id.desc()).limit(limit).offset(offset)
