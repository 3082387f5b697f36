"""The statements on ``core_job``, each one round trip, run inside of a unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changemaker_core.db.fields import read_utc, utc_text
from changemaker_core.jobs.errors import LeaseLost
from changemaker_core.jobs.payload import decode
from changemaker_core.jobs.statements import is_postgresql, run

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from changemaker_core.db import Tx

#: Finished rows keep no key, so that the same thing may be enqueued again.
_FINISH = """
UPDATE core_job SET state = ?, error = ?, finished_at = ?, updated_at = ?,
  due_at = NULL, lease = NULL, dedupe_key = NULL
WHERE id = ? AND lease = ? AND state = ?"""

_AT_RISK = """
UPDATE core_job SET state = 'at_risk', due_at = ?, updated_at = ?
WHERE id = ? AND lease = ? AND state = ?"""

_REQUEUE = """
UPDATE core_job SET state = 'queued', due_at = ?, error = ?, updated_at = ?, lease = NULL
WHERE id = ? AND lease = ? AND state = ?"""

_HOLDS = "SELECT 1 FROM core_job WHERE id = ? AND lease = ? AND state = ?"

_INSERT = """
INSERT INTO core_job (id, name, queue, payload, state, attempts, wanted_at, due_at, dedupe_key,
  actor, created_at, updated_at)
VALUES (?, ?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""

#: The second queue is the first one: what does not depend on the row is looked at once.
_DUE = """
SELECT id FROM core_job
WHERE queue = ? AND due_at <= ? AND state <> 'at_risk' AND name IN ({names})
  AND NOT EXISTS (SELECT 1 FROM core_hold WHERE core_hold.queue = ?)
ORDER BY due_at LIMIT ?"""

_CLAIM = """
UPDATE core_job SET state = 'running', attempts = attempts + 1, lease = ?, due_at = ?,
  updated_at = ?
WHERE id {chosen} RETURNING id, name, payload, attempts, wanted_at, created_at"""

#: Of any queue, so that the small index on rows at risk is taken and not the one on what is due.
_EXPIRED = """
SELECT id, name, payload, lease FROM core_job
WHERE due_at <= ? AND state = 'at_risk' AND name IN ({names})
ORDER BY due_at LIMIT 100"""

_ABANDON = """
UPDATE core_job SET state = 'unknown', error = ?, finished_at = ?, updated_at = ?,
  due_at = NULL, lease = NULL, dedupe_key = NULL
WHERE id = ? AND lease = ? AND state = 'at_risk' AND due_at <= ?"""

_POSTPONE = "UPDATE core_job SET due_at = ? WHERE id = ? AND lease = ? AND state = 'at_risk'"

_RENEW = """
UPDATE core_job SET due_at = ?
WHERE id IN ({ids}) AND lease IN ({leases}) AND state IN ('running', 'at_risk')"""

_GIVE_BACK = """
UPDATE core_job SET state = 'queued', attempts = attempts - 1, due_at = ?, lease = NULL,
  updated_at = ?
WHERE id IN ({ids}) AND lease IN ({leases}) AND state = 'running'"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this process holds a lease on. ``attempts`` counts this one."""

    id: str
    name: str
    payload: dict[str, Any]
    attempts: int
    wanted_at: datetime
    created_at: datetime
    lease: str


@dataclass(frozen=True, slots=True)
class Fence:
    """What must still be so for a run's next step: its lease is held, and its row is in the state
    that the run knows of. It is not where a commit was done and its answer got lost."""

    job_id: str
    lease: str
    state: str


@dataclass(frozen=True, slots=True)
class Expired:
    """A job that passed its point of no return and was then heard of no more."""

    id: str
    name: str
    payload: dict[str, Any]
    lease: str


def insert(
    tx: Tx,
    job_id: str,
    name: str,
    queue: str,
    payload: str,
    due_at: datetime,
    key: str | None,
) -> bool:
    """Add a job; False when its id or its key is there already."""
    now, due = utc_text(tx.now), utc_text(due_at)
    actor = f"{tx.actor.kind}:{tx.actor.id}" if tx.actor else None
    cursor = run(_INSERT, job_id, name, queue, payload, due, due, key, actor, now, now)
    return bool(cursor.rowcount == 1)


def holder(key: str) -> str | None:
    """The id of the living job that holds ``key``."""
    row = run("SELECT id FROM core_job WHERE dedupe_key = ?", key).fetchone()
    return None if row is None else str(row[0])


def is_due(queue: str, names: Collection[str], now: datetime) -> bool:
    """Whether a claim would find something: a cheap look without any lock. A held queue has
    nothing."""
    sql = _DUE.format(names=_marks(names))
    return run(sql, queue, utc_text(now), *names, queue, 1).fetchone() is not None


def in_index_order() -> None:
    """Have PostgreSQL walk the index on what is due for the rest of this transaction.

    Before its statistics have caught up with a burst of new jobs, it takes them for few, and
    fetches and sorts all of them for each claim.
    """
    if is_postgresql():
        run("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")


def living_queues() -> list[str]:
    """The queues that hold anything."""
    rows = run("SELECT DISTINCT queue FROM core_job WHERE due_at IS NOT NULL").fetchall()
    return [str(queue) for (queue,) in rows]


def claim(
    tx: Tx, queue: str, names: Collection[str], limit: int, lease: str, until: datetime
) -> list[Claimed]:
    """Take up to ``limit`` due jobs, the longest waiting first; none of a held queue."""
    in_index_order()
    due = _DUE.format(names=_marks(names))
    sql = _CLAIM.format(chosen=_chosen(due))
    now = utc_text(tx.now)
    due_values = (queue, now, *names, queue, limit)
    rows = run(sql, lease, utc_text(until), now, *due_values).fetchall()
    claimed = [
        Claimed(str(id_), name, decode(text), attempts, read_utc(wanted), read_utc(created), lease)
        for id_, name, text, attempts, wanted, created in rows
    ]
    return sorted(claimed, key=lambda job: (job.wanted_at, job.id))


def expired(names: Collection[str], now: datetime) -> list[Expired]:
    """Jobs at risk whose lease has ended."""
    sql = _EXPIRED.format(names=_marks(names))
    rows = run(sql, utc_text(now), *names).fetchall()
    return [Expired(str(id_), name, decode(text), lease) for id_, name, text, lease in rows]


def abandon(tx: Tx, job: Expired, error: str) -> bool:
    """Mark a job unknown whose lease has ended; False when it was renewed or settled meanwhile."""
    now = utc_text(tx.now)
    cursor = run(_ABANDON, _storable(error), now, now, job.id, job.lease, now)
    return bool(cursor.rowcount == 1)


def postpone(tx: Tx, job: Expired, until: datetime) -> None:
    """Look at an expired job again later."""
    run(_POSTPONE, utc_text(until), job.id, job.lease)


def hold(fence: Fence) -> None:
    """Make sure that the lease is held until this transaction ends, or raise ``LeaseLost``."""
    lock = " FOR UPDATE" if is_postgresql() else ""  # SQLite has one writer anyway
    if run(_HOLDS + lock, fence.job_id, fence.lease, fence.state).fetchone() is None:
        raise LeaseLost(fence.job_id)


def mark_at_risk(tx: Tx, fence: Fence, until: datetime) -> None:
    """Pass the point of no return."""
    _fenced(fence, _AT_RISK, utc_text(until), utc_text(tx.now))


def requeue(tx: Tx, fence: Fence, due_at: datetime, error: str) -> None:
    """Give the job back, to be tried again."""
    _fenced(fence, _REQUEUE, utc_text(due_at), _storable(error), utc_text(tx.now))


def finish(tx: Tx, fence: Fence, state: str, error: str | None) -> None:
    """End the job."""
    now = utc_text(tx.now)
    _fenced(fence, _FINISH, state, _storable(error), now, now)


def renew(tx: Tx, jobs: Collection[Claimed], until: datetime) -> None:
    """Prolong leases that are still held."""
    run(_for_jobs(_RENEW, jobs), utc_text(until), *_ids_and_leases(jobs))


def give_back(tx: Tx, jobs: Collection[Claimed]) -> None:
    """Return claimed jobs that were not started, as if they had never been claimed."""
    now = utc_text(tx.now)
    run(_for_jobs(_GIVE_BACK, jobs), now, now, *_ids_and_leases(jobs))


def _fenced(fence: Fence, sql: str, *values: Any) -> None:
    if run(sql, *values, fence.job_id, fence.lease, fence.state).rowcount != 1:
        raise LeaseLost(fence.job_id)


def _chosen(due: str) -> str:
    if is_postgresql():  # an array is computed once; IN (… LIMIT) may be planned as a join
        return f"= ANY(ARRAY({due} FOR UPDATE SKIP LOCKED))"
    return f"IN ({due})"


def _for_jobs(sql: str, jobs: Collection[Claimed]) -> str:
    return sql.format(ids=_marks(jobs), leases=_marks({job.lease for job in jobs}))


def _ids_and_leases(jobs: Collection[Claimed]) -> list[str]:
    return [*(job.id for job in jobs), *sorted({job.lease for job in jobs})]


def _storable(error: str | None) -> str | None:
    """Not endless, and without what PostgreSQL's texts cannot hold."""
    return None if error is None else error.replace("\0", "")[:2000]


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))
