"""How much work there is."""

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
    """One row for each queue and state that there is."""
    return (
        CoreJob.select(
            CoreJob.queue,
            CoreJob.state,
            peewee.fn.COUNT(CoreJob.id).alias("jobs"),
            peewee.fn.MIN(CoreJob.wanted_at).alias("oldest"),
        )
        .group_by(CoreJob.queue, CoreJob.state)
        .order_by(CoreJob.queue, CoreJob.state)
    )
