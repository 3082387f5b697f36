"""Held queues: nothing is claimed from them until an operator releases them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core.db import Query, compiled
from changemaker_core.jobs.model import CoreHold, CoreJob
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.db import Tx

#: Why a queue may be held, as a person is told.
REASONS: Final = {
    "operator": Text("An operator holds this queue."),
    "silence": Text("Nobody had done this queue's jobs for a long time."),
    "restore": Text(
        "The database has been restored: jobs that wait here may have been done before."
    ),
}


class Hold(msgspec.Struct, frozen=True):
    """A held queue. ``reason`` is a key of ``REASONS``, ``note`` an operator's own words."""

    queue: str
    since: datetime
    reason: str
    note: str


class WaitingJobs(msgspec.Struct, frozen=True):
    """How many unfinished jobs of a name a queue has, and when the oldest was enqueued."""

    name: str
    jobs: int
    oldest: datetime


@compiled(Hold)
def holds() -> Query:
    """Every held queue."""
    return CoreHold.select(CoreHold.queue, CoreHold.since, CoreHold.reason, CoreHold.note).order_by(
        CoreHold.queue
    )


@compiled(WaitingJobs)
def waiting_jobs(queue: str) -> Query:
    """What would be done if ``queue`` were released."""
    return (
        CoreJob.select(
            CoreJob.name,
            peewee.fn.COUNT(CoreJob.id).alias("jobs"),
            peewee.fn.MIN(CoreJob.created_at).alias("oldest"),
        )
        .where((CoreJob.queue == queue) & is_waiting())
        .group_by(CoreJob.name)
        .order_by(CoreJob.name)
    )


def is_waiting() -> peewee.Expression:
    """A job that will be run, or run again, unless somebody keeps it from that."""
    return CoreJob.due_at.is_null(False) & (CoreJob.state != "at_risk")


def hold(tx: Tx, queue: str, reason: str, note: str = "") -> bool:
    """Hold a queue; False, and nothing is changed, where it is held already."""
    insert = CoreHold.insert(queue=queue, since=tx.now, reason=reason, note=note)
    return bool(insert.on_conflict_ignore().as_rowcount().execute())


def drop_hold(tx: Tx, queue: str) -> bool:
    """Let jobs be claimed again; False where the queue is not held.

    Their time for retries begins anew: nobody has tried while they were held.
    """
    if not CoreHold.delete().where(CoreHold.queue == queue).execute():
        return False
    waiting = (CoreJob.queue == queue) & (CoreJob.state == "queued") & (CoreJob.wanted_at < tx.now)
    CoreJob.update(wanted_at=tx.now).where(waiting).execute()
    return True
