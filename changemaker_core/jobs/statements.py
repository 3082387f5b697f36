"""The SQL statements on ``core_job``, each one round trip, run inside a unit of work.

They are SQL text rather than peewee queries because every job runs several of them: building the
queries would cost more than running them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from changemaker_core.db.fields import read_utc, utc_text
from changemaker_core.identity.origin import current_request_id
from changemaker_core.jobs.errors import LeaseLost
from changemaker_core.jobs.models import CoreJob
from changemaker_core.jobs.payload import decode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from changemaker_core.db import Tx

#: A finished row has no position in its lane: the next one is the head.
_FINISH = """
UPDATE core_job SET state = ?, error = ?, finished_at = ?, updated_at = ?,
  due_at = NULL, lease = NULL, lane_position = NULL
WHERE id = ? AND lease = ? AND state = ?"""

_AT_RISK = """
UPDATE core_job SET state = 'at_risk', due_at = ?, updated_at = ?
WHERE id = ? AND lease = ? AND state = ?"""

_REQUEUE = """
UPDATE core_job SET state = 'queued', due_at = ?, error = ?, updated_at = ?, lease = NULL
WHERE id = ? AND lease = ? AND state = ?"""

#: As if it had never been claimed.
_UNCLAIM = """
UPDATE core_job SET state = 'queued', attempts = attempts - 1, due_at = ?, updated_at = ?,
  lease = NULL"""

_GIVE_BACK = f"""{_UNCLAIM}, error = ?
WHERE id = ? AND lease = ? AND state = ?"""

_IS_LEASED = "SELECT 1 FROM core_job WHERE id = ? AND lease = ? AND state = ?"

_INSERT = """
INSERT INTO core_job (id, name, queue, payload, state, attempts, wanted_at, due_at, lane,
  lane_position, actor, created_at, updated_at, request_id)
VALUES (?, ?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""

#: Both parameters ``queue`` have the same value: a subquery that does not depend on the row is run
#: only once. ``held`` is ``NOT EXISTS``, or ``EXISTS`` for a trial of a held queue.
_DUE = """
SELECT {columns} FROM core_job
WHERE queue = ? AND due_at <= ? AND state <> 'at_risk' AND name IN ({names})
  AND {held} (SELECT 1 FROM core_hold WHERE core_hold.queue = ?)
ORDER BY {order} LIMIT ?"""

#: A trial is of a job that no server has refused yet, if there is one: of many letters that are
#: refused again and again, each is tried once before the others have had their turn.
_TRIAL_ORDER = "CASE WHEN error IS NULL THEN 0 ELSE 1 END, created_at"

_TRIALS = "SELECT queue FROM core_hold WHERE retry_at <= ?"

#: Of jobs with a limit no more than that, and among all the oldest.
_DUE_OF_SHARES = "SELECT id FROM ({shares}) AS due ORDER BY {order} LIMIT ?"
_SHARE = "SELECT * FROM ({found}) AS share_{number}"

_CLAIM = """
UPDATE core_job SET state = 'running', attempts = attempts + 1, lease = ?, due_at = ?,
  updated_at = ?
WHERE id {chosen} RETURNING id, name, payload, attempts, wanted_at, created_at, lane, request_id,
  EXISTS (SELECT 1 FROM core_cancellation WHERE job_id = core_job.id)"""

_LEASED = """
SELECT name, COUNT(*) FROM core_job
WHERE lease IS NOT NULL AND due_at > ? AND name IN ({names}) GROUP BY name"""

#: Of all queues, so that the small index on rows at risk is used and not the one on due rows.
_EXPIRED = """
SELECT id, name, queue, payload, lease, lane FROM core_job
WHERE due_at <= ? AND state = 'at_risk' AND name IN ({names})
ORDER BY due_at LIMIT 100"""

_MARK_UNKNOWN = """
UPDATE core_job SET state = 'unknown', error = ?, finished_at = ?, updated_at = ?,
  due_at = NULL, lease = NULL, lane_position = NULL
WHERE id = ? AND lease = ? AND state = 'at_risk' AND due_at <= ?"""

_POSTPONE = "UPDATE core_job SET due_at = ? WHERE id = ? AND lease = ? AND state = 'at_risk'"

_RENEW = """
UPDATE core_job SET due_at = ?
WHERE id IN ({ids}) AND lease IN ({leases}) AND state IN ('running', 'at_risk')
RETURNING id, lease"""

_REPORT = """
UPDATE core_job SET progress_done = ?, progress_total = ?, progress_note = ?, updated_at = ?
WHERE id = ? AND lease = ? AND state = ?"""

_CANCEL = "INSERT INTO core_cancellation (job_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING"

#: What waits for its time, or for its next attempt, need not wait any longer.
_NEED_NOT_WAIT = """
UPDATE core_job SET due_at = ? WHERE id {chosen}"""

_WAITS = "SELECT id FROM core_job WHERE id = ? AND state = 'queued' AND due_at > ?"

_RELEASE = f"""{_UNCLAIM}
WHERE id IN ({{ids}}) AND lease IN ({{leases}}) AND state = 'running'"""


#: The id of a job, and the token of the claim that leased it.
Lease: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this process has leased. ``attempts`` counts this one; ``is_trial`` says that its
    queue is held, and that a success releases it."""

    id: str
    name: str
    payload: dict[str, Any]
    attempts: int
    wanted_at: datetime
    created_at: datetime
    lease_token: str
    lane: str | None
    request_id: str | None
    is_cancelled: bool
    is_trial: bool

    @property
    def lease(self) -> Lease:
        """What tells this claim of the job from one that lost its lease, perhaps in this process,
        and from those of the other jobs that were claimed with it."""
        return self.id, self.lease_token


@dataclass(frozen=True, slots=True)
class Fence:
    """The condition of a run's next step: the job has this lease and this state.

    It fails where the lease was lost, and where a commit succeeded whose confirmation was lost.
    """

    job_id: str
    lease_token: str
    state: str


@dataclass(frozen=True, slots=True)
class ExpiredJob:
    """A job that passed its point of no return and whose lease then expired."""

    id: str
    name: str
    queue: str
    payload: dict[str, Any]
    lease_token: str
    lane: str | None


def execute(sql: str, *values: Any) -> Any:
    """Run a statement with ``?`` as its placeholders, and return the cursor."""
    database = CoreJob._meta.database
    return database.execute_sql(_with_placeholder(sql, database.param), values)


def is_postgresql() -> bool:
    """Return whether the unit of work runs on PostgreSQL."""
    return bool(CoreJob._meta.database.param == "%s")


def insert(
    tx: Tx,
    job_id: str,
    name: str,
    queue: str,
    payload: str,
    due_at: datetime,
    *,
    is_due: bool = True,
    lane: str | None = None,
    position: int | None = None,
) -> bool:
    """Insert a job; return False when its id, or its position in the lane, exists already.

    With ``is_due`` false it cannot be claimed until the lane is handed on to it.
    """
    now, wanted = utc_text(tx.now), utc_text(due_at)
    due = wanted if is_due else None
    actor = f"{tx.actor.kind}:{tx.actor.id}" if tx.actor else None
    job = (job_id, name, queue, payload, wanted, due, lane, position)
    cursor = execute(_INSERT, *job, actor, now, now, current_request_id())
    return bool(cursor.rowcount == 1)


def queues_with_due(
    queues: Iterable[str], names: Iterable[str], at_most: Mapping[str, int], now: datetime
) -> list[str]:
    """Return the queues in which a claim would find a job of these names, without any lock; among
    them the held ones in which a job is to be tried."""
    prefer_due_index()
    left_of = left(at_most, now)
    claimable = [name for name in names if left_of.get(name, 1) > 0]
    trials = {queue for (queue,) in execute(_TRIALS, utc_text(now)).fetchall()}
    return [queue for queue in queues if is_due(queue, claimable, now, is_held=queue in trials)]


def is_due(queue: str, names: Collection[str], now: datetime, *, is_held: bool = False) -> bool:
    """Return whether a claim would find a job, without any lock."""
    if not names:
        return False
    sql = _DUE.format(columns="id", names=_placeholders(names), held=_held(is_held), order="due_at")
    return execute(sql, queue, utc_text(now), *names, queue, 1).fetchone() is not None


def prefer_due_index() -> None:
    """Have PostgreSQL read the index on due jobs in its order until the transaction ends.

    NOTE(planner): before its statistics have caught up with a burst of new jobs, PostgreSQL takes
    them for few, and fetches and sorts all of them for each claim. Where a sort is needed after
    all, its cost would have the statement compiled first, which takes longer than running it.
    """
    if is_postgresql():
        execute(
            "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
        )


def queues_in_use() -> list[str]:
    """Return the queues that have unfinished jobs."""
    rows = execute("SELECT DISTINCT queue FROM core_job WHERE due_at IS NOT NULL").fetchall()
    return [str(queue) for (queue,) in rows]


def left(at_most: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Return how many more jobs of each name may be leased, by its limit on all machines."""
    if not at_most:
        return {}
    rows = execute(_LEASED.format(names=_placeholders(at_most)), utc_text(now), *at_most)
    leased = dict(rows.fetchall())
    return {name: limit - leased.get(name, 0) for name, limit in at_most.items()}


def claim(
    tx: Tx,
    queue: str,
    shares: Iterable[tuple[Collection[str], int]],
    limit: int,
    lease_token: str,
    until: datetime,
    *,
    is_trial: bool = False,
) -> list[ClaimedJob]:
    """Lease up to ``limit`` due jobs, the longest waiting ones; none of a held queue, or, for a
    trial, only of one that is held, and as likely the newest (``_TRIAL_ORDER``).

    ``shares`` are names of jobs, each with how many of them to lease at most.
    """
    shares = [(names, most) for names, most in shares if names and most > 0]
    if not shares:
        return []
    prefer_due_index()
    found = _due_of(shares, _held(is_trial), _trial_order() if is_trial else "due_at")
    # NOTE(planner): an array is computed once; IN (… LIMIT) may be planned as a join.
    chosen = f"= ANY(ARRAY({found}))" if is_postgresql() else f"IN ({found})"
    now = utc_text(tx.now)
    due = [v for names, most in shares for v in (queue, now, *names, queue, min(most, limit))]
    values = (lease_token, utc_text(until), now, *due, *([limit] if len(shares) > 1 else []))
    rows = execute(_CLAIM.format(chosen=chosen), *values).fetchall()
    return [
        ClaimedJob(
            str(id_),
            name,
            decode(text),
            attempts,
            read_utc(wanted),
            read_utc(created),
            lease_token,
            lane,
            request_id,
            bool(cancelled),
            is_trial,
        )
        for id_, name, text, attempts, wanted, created, lane, request_id, cancelled in rows
    ]


def _trial_order() -> str:
    """NOTE(fairness): by creation, as what was refused before is due later than all others."""
    return f"{_TRIAL_ORDER} DESC" if _tries_newest() else _TRIAL_ORDER


def _tries_newest() -> bool:
    """Return whether a trial is of the newest job, as of every other one: somebody may have
    enqueued hundreds that fail, before or after everybody else's."""
    return random.random() < 0.5  # noqa: S311  # nothing secret


def _due_of(shares: Collection[tuple[Collection[str], int]], held: str, order: str) -> str:
    """Return the statement that finds the jobs to claim; several shares are limited together."""
    columns = "id" if len(shares) == 1 else "id, due_at, created_at, error"
    lock = " FOR UPDATE SKIP LOCKED" if is_postgresql() else ""
    found = [
        _DUE.format(columns=columns, names=_placeholders(names), held=held, order=order) + lock
        for names, _ in shares
    ]
    if len(found) == 1:
        return found[0]
    parts = (_SHARE.format(found=part, number=number) for number, part in enumerate(found))
    return _DUE_OF_SHARES.format(shares=" UNION ALL ".join(parts), order=order)


def _held(is_held: bool) -> str:
    return "EXISTS" if is_held else "NOT EXISTS"


def expired(names: Collection[str], now: datetime) -> list[ExpiredJob]:
    """Return jobs at risk whose lease has ended, at most 100."""
    sql = _EXPIRED.format(names=_placeholders(names))
    rows = execute(sql, utc_text(now), *names).fetchall()
    return [
        ExpiredJob(str(id_), name, queue, decode(text), token, lane)
        for id_, name, queue, text, token, lane in rows
    ]


def mark_unknown(tx: Tx, job: ExpiredJob, error: str) -> bool:
    """Finish a job as unknown; return False where it was renewed or settled meanwhile."""
    now = utc_text(tx.now)
    cursor = execute(_MARK_UNKNOWN, _storable(error), now, now, job.id, job.lease_token, now)
    return bool(cursor.rowcount == 1)


def postpone(tx: Tx, job: ExpiredJob, until: datetime) -> None:
    """Have an expired job found again at ``until``."""
    execute(_POSTPONE, utc_text(until), job.id, job.lease_token)


def require_lease(fence: Fence) -> None:
    """Raise ``LeaseLost`` unless the job is leased, and keep it so until the transaction ends."""
    lock = " FOR UPDATE" if is_postgresql() else ""  # SQLite has one writer anyway
    if execute(_IS_LEASED + lock, fence.job_id, fence.lease_token, fence.state).fetchone() is None:
        raise LeaseLost(fence.job_id)


def mark_at_risk(tx: Tx, fence: Fence, until: datetime) -> None:
    """Record that the point of no return is passed. Raises ``LeaseLost``."""
    _execute_fenced(fence, _AT_RISK, utc_text(until), utc_text(tx.now))


def requeue(tx: Tx, fence: Fence, due_at: datetime, error: str) -> None:
    """End the lease and have the job claimed again at ``due_at``. Raises ``LeaseLost``."""
    _execute_fenced(fence, _REQUEUE, utc_text(due_at), _storable(error), utc_text(tx.now))


def give_back(tx: Tx, fence: Fence, error: str, due_at: datetime | None = None) -> None:
    """End the lease, with the job queued as if never claimed. Raises ``LeaseLost``."""
    due = utc_text(due_at or tx.now)
    _execute_fenced(fence, _GIVE_BACK, due, utc_text(tx.now), _storable(error))


def finish(tx: Tx, fence: Fence, state: str, error: str | None) -> None:
    """End the lease and the job. Raises ``LeaseLost``."""
    now = utc_text(tx.now)
    _execute_fenced(fence, _FINISH, state, _storable(error), now, now)


def renew(tx: Tx, jobs: Collection[ClaimedJob], until: datetime) -> set[Lease]:
    """Prolong the leases that are not lost, and return them."""
    rows = execute(_for_jobs(_RENEW, jobs), utc_text(until), *_ids_and_leases(jobs)).fetchall()
    return {(str(job_id), token) for job_id, token in rows}


def report(tx: Tx, fence: Fence, done: int, total: int | None, note: str) -> None:
    """Store how far a job is. Raises ``LeaseLost``."""
    _execute_fenced(fence, _REPORT, done, total, _storable(note), utc_text(tx.now))


def cancel(tx: Tx, job_id: str) -> bool:
    """Ask for a job to be cancelled; return False where it has finished or does not exist."""
    found = "SELECT 1 FROM core_job WHERE id = ? AND finished_at IS NULL"
    if execute(found, job_id).fetchone() is None:
        return False
    now = utc_text(tx.now)
    execute(_CANCEL, job_id, now)
    # A row that somebody has locked is being claimed or settled, which looks for the cancellation.
    skip = " FOR UPDATE SKIP LOCKED" if is_postgresql() else ""
    execute(_NEED_NOT_WAIT.format(chosen=f"IN ({_WAITS}{skip})"), now, job_id, now)
    return True


def cancelled(ids: Collection[str]) -> list[str]:
    """Return those of the jobs that are to be cancelled."""
    if not ids:
        return []
    sql = f"SELECT job_id FROM core_cancellation WHERE job_id IN ({_placeholders(ids)})"  # noqa: S608
    return [str(job_id) for (job_id,) in execute(sql, *ids).fetchall()]


def release(tx: Tx, jobs: Collection[ClaimedJob]) -> None:
    """End the leases of jobs that are not at risk, which are queued as if never claimed."""
    now = utc_text(tx.now)
    execute(_for_jobs(_RELEASE, jobs), now, now, *_ids_and_leases(jobs))


def _execute_fenced(fence: Fence, sql: str, *values: Any) -> None:
    if execute(sql, *values, fence.job_id, fence.lease_token, fence.state).rowcount != 1:
        raise LeaseLost(fence.job_id)


def _for_jobs(sql: str, jobs: Collection[ClaimedJob]) -> str:
    return sql.format(
        ids=_placeholders(jobs), leases=_placeholders({job.lease_token for job in jobs})
    )


def _ids_and_leases(jobs: Collection[ClaimedJob]) -> list[str]:
    return [*(job.id for job in jobs), *sorted({job.lease_token for job in jobs})]


def _storable(error: str | None) -> str | None:
    """Shorten a text, and remove NUL, which PostgreSQL cannot store."""
    return None if error is None else error.replace("\0", "")[:2000]


def _placeholders(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))


@lru_cache(maxsize=256)
def _with_placeholder(sql: str, placeholder: str) -> str:
    return sql.replace("?", placeholder)
