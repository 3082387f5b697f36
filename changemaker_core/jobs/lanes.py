"""Lanes: jobs that run one at a time, in the order in which they were enqueued.

The unfinished jobs of a lane have positions, and only the first of them, the *head*, has a
``due_at``. So the jobs behind it cost nothing, however long it is retried, and every kind of
executor keeps the order without knowing of lanes. A job that is finished, however it ended, gives
up its position and hands on to the next one.

A job with a ``key`` is in a lane of its own kind, which holds one job that waits, and beside it
one that runs: what the running one has read may be older than the transaction that enqueues again.

NOTE(deadlocks): PostgreSQL assigns positions under a lock of the lane. A transaction takes all of
its locks at its end, in one order, so that nobody waits for it and is waited for at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from changemaker_core.db.fields import utc_text
from changemaker_core.db.writes.locks import lock
from changemaker_core.jobs import statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.site import Site

#: What begins the lanes of keys and of schedules.
KEY: Final = "key:"
SCHEDULE: Final = "schedule:"
#: Characters of a lane's name and of a key.
MAX_LENGTH: Final = 500

_LAST = """
SELECT id, state, lane_position, due_at FROM core_job
WHERE lane = ? AND lane_position IS NOT NULL ORDER BY lane_position DESC LIMIT 1"""

#: A claim skips the row until this transaction ends.
_STILL_WAITS = "SELECT 1 FROM core_job WHERE id = ? AND state = 'queued' FOR SHARE SKIP LOCKED"

_PROMOTE = """
UPDATE core_job SET due_at = CASE WHEN wanted_at > ? THEN wanted_at ELSE ? END,
  wanted_at = CASE WHEN wanted_at > ? THEN wanted_at ELSE ? END, updated_at = ?
WHERE due_at IS NULL AND id = (SELECT id FROM core_job
  WHERE lane = ? AND lane_position IS NOT NULL ORDER BY lane_position LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class InLane:
    """A job to be inserted at the end of its lane; with ``once``, unless the last one waits."""

    lane: str
    job_id: str
    name: str
    queue: str
    payload: str
    due_at: datetime
    once: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """A lane whose head has finished."""

    lane: str


Change: TypeAlias = InLane | Finished


@dataclass(frozen=True, slots=True)
class _Last:
    """The last unfinished job of a lane."""

    id: str
    state: str
    position: int
    is_head: bool


def checked(name: str, what: str) -> str:
    """Return the name of a lane or key. Raises ``ValueError`` for one that cannot be stored."""
    if not name or len(name) > MAX_LENGTH or not name.isprintable():
        raise ValueError(f"{what}={name[:60]!r} must be 1 to {MAX_LENGTH} printable characters")
    if what == "lane" and name.startswith((KEY, SCHEDULE)):
        raise ValueError(f"lane={name!r}: {KEY!r} and {SCHEDULE!r} begin the lanes of core itself")
    return name


def hand_on(tx: Tx, site: Site, lane: str | None) -> None:
    """Have the next job of a lane claimed after this transaction, in which its head finished."""
    if lane is not None:
        tx.deferred.append(Finished(lane))
        tx.after_commit(site.jobs.wake_up.notify)


def waiting_id(lane: str) -> str | None:
    """Return the id of the lane's last job if it has not started."""
    last = _last(lane)
    return last.id if last is not None and last.state == "queued" else None


def apply(tx: Tx, changes: Iterable[Change]) -> None:
    """Insert jobs into lanes and hand lanes on. To be called once, last in the transaction."""
    changes = list(changes)
    lock({f"lane {change.lane}" for change in changes})
    for change in changes:
        if isinstance(change, InLane):
            _insert(tx, change)
    for lane in dict.fromkeys(c.lane for c in changes if isinstance(c, Finished)):
        _promote(tx, lane)


def _insert(tx: Tx, job: InLane) -> None:
    last = _last(job.lane)
    if job.once and last is not None and _still_waits(last):
        return
    inserted = statements.insert(
        tx,
        job.job_id,
        job.name,
        job.queue,
        job.payload,
        job.due_at,
        is_due=last is None,
        lane=job.lane,
        position=last.position + 1 if last is not None else 1,
    )
    if not inserted:
        raise RuntimeError(f"job {job.job_id} could not be inserted into the lane {job.lane!r}")


def _still_waits(last: _Last) -> bool:
    """Return whether the job has not started, and will not start before this transaction ends."""
    if last.state != "queued":
        return False
    if not last.is_head or not statements.is_postgresql():
        return True  # handing on takes the lane's lock, which this transaction has
    return statements.execute(_STILL_WAITS, last.id).fetchone() is not None


def _promote(tx: Tx, lane: str) -> None:
    """Make the first job of the lane its head, whose time for retries begins now."""
    now = utc_text(tx.now)
    statements.execute(_PROMOTE, now, now, now, now, now, lane)


def _last(lane: str) -> _Last | None:
    row = statements.execute(_LAST, lane).fetchone()
    return None if row is None else _Last(str(row[0]), row[1], row[2], row[3] is not None)
