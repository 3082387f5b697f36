"""Holds of queues: made, listed and deleted; and the jobs that wait in a held queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core.db import Query, compiled
from changemaker_core.db.fields import utc_text
from changemaker_core.jobs.models import CoreHold, CoreJob
from changemaker_core.jobs.statements import execute, is_postgresql
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection

    from changemaker_core.db import Tx

#: Why a queue may be held, in words for operators.
REASONS: Final = {
    "operator": Text("An operator is holding this queue."),
    "silence": Text("This queue had no runner or worker for a long time."),
    "restore": Text("The database was restored: jobs waiting here may already have run."),
    "refused": Text("A server refuses this site: check the configuration."),
    "unreachable": Text("A server cannot be reached."),
    "failures": Text("Many recipients in a row could not be reached."),
}
#: A hold that costs a job no time to speak of.
BRIEF: Final = timedelta(hours=1)

_RESTART = "UPDATE core_job SET wanted_at = ? WHERE id {chosen}"
_WAITING = """
SELECT id FROM core_job
WHERE queue = ? AND state = 'queued' AND due_at IS NOT NULL AND wanted_at < ?"""
#: What was put aside, or is to be tried again later, since the queue is held.
_PUT_ASIDE = """
SELECT id FROM core_job
WHERE queue = ? AND state = 'queued' AND due_at > ? AND wanted_at <= ? AND updated_at >= ?"""
_NEED_NOT_WAIT = "UPDATE core_job SET due_at = ? WHERE id {chosen}"


class Hold(msgspec.Struct, frozen=True):
    """A held queue. ``reason`` is a key of ``REASONS``; ``note`` the operator's own words, or what
    a server replied. One job is tried at ``retry_at``; None where only an operator releases it."""

    queue: str
    since: datetime
    reason: str
    note: str
    retry_at: datetime | None


class WaitingJobs(msgspec.Struct, frozen=True):
    """How many waiting jobs of a name a queue has, and when the oldest was enqueued."""

    name: str
    jobs: int
    oldest: datetime


@compiled(Hold)
def holds() -> Query:
    """Return every held queue."""
    return CoreHold.select_for(Hold).order_by(CoreHold.queue)


@compiled(WaitingJobs)
def waiting_jobs(queue: str) -> Query:
    """Return the jobs that a release of ``queue`` would let run, counted by name."""
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
    """Return the condition of jobs that will run, or run again, unless their queue is held."""
    return CoreJob.state.in_(("queued", "running"))


def hold_queue(tx: Tx, queue: str, reason: str, note: str = "") -> bool:
    """Hold a queue until an operator releases it; return False, and change nothing, where it is
    held so already.

    It also takes the place of a hold that a successful job would end: what an operator or the guard
    wants comes first.
    """
    insert = CoreHold.insert(queue=queue, since=tx.now, reason=reason, note=note)
    changed = {
        CoreHold.since: tx.now,
        CoreHold.reason: reason,
        CoreHold.note: note,
        CoreHold.retry_at: None,
    }
    is_tried = CoreHold.retry_at.is_null(False)
    upsert = insert.on_conflict(conflict_target=[CoreHold.queue], update=changed, where=is_tried)
    if not upsert.as_rowcount().execute():
        return False
    tx.audit("operations.queue.held", queue, after={"reason": reason, "note": note})
    return True


def delete_hold(
    tx: Tx, queue: str, *, tried_only: bool = False, reasons: Collection[str] | None = None
) -> bool:
    """Let jobs be claimed again; return False where the queue is not held.

    With ``tried_only``, a hold that only an operator ends is left; so is one for another
    reason than ``reasons``. The deadline of the jobs'
    retries starts anew, since they were not tried while the queue was held; not after a ``BRIEF``
    hold with ``tried_only``, of which there may be one a day. ``Guard.release`` is what operators'
    commands call.
    """
    held = CoreHold.queue == queue
    if tried_only:
        held &= CoreHold.retry_at.is_null(False)
    if reasons is not None:
        held &= CoreHold.reason.in_(reasons)
    hold = CoreHold.get_or_none(held)
    if hold is None or not CoreHold.delete().where(held).execute():
        return False
    # A success of the first trial leaves what was refused before it where it is: it may be refused
    # for its own sake, and would hold the queue again and again.
    if not tried_only or hold.trials > 1:
        bring_forward(tx, queue, hold.since)
    if not tried_only or tx.now - hold.since >= BRIEF:
        now = utc_text(tx.now)
        execute(_RESTART.format(chosen=_chosen(_WAITING)), now, queue, now)
    return True


def bring_forward(tx: Tx, queue: str, since: datetime) -> None:
    """Make due what was not taken since ``since``; not what is to start later."""
    now = utc_text(tx.now)
    execute(
        _NEED_NOT_WAIT.format(chosen=_chosen(_PUT_ASIDE)), now, queue, now, now, utc_text(since)
    )


def _chosen(found: str) -> str:
    """NOTE(deadlocks): what somebody else has locked is left, and so are jobs behind others of
    their lane, whose time begins when they are promoted."""
    if is_postgresql():
        return f"= ANY(ARRAY({found} FOR UPDATE SKIP LOCKED))"
    return f"IN ({found})"
