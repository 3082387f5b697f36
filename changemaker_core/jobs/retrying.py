"""What operators do with jobs that ended without success: look at what they were to do, and run
them again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.jobs.models import CoreCancellation, CoreJob
from changemaker_core.jobs.payload import decode

if TYPE_CHECKING:
    from collections.abc import Collection

    from changemaker_core.db import Tx

#: The states from which a job can be run again. That of an ``unknown`` one may be the second time.
ENDED_WITHOUT_SUCCESS: Final = ("dead", "unknown", "cancelled")
#: Jobs that are run again in one transaction.
MOST: Final = 1_000
#: Keys whose values are shown to nobody, and how each is shown.
_SECRET: Final = re.compile(r"token|secret|password|signature|key$|code$", re.IGNORECASE)
HIDDEN: Final = "●●●●●●"
#: Characters of a text of a payload that are shown.
_LONGEST: Final = 500


def retry_job(tx: Tx, job_id: str) -> bool:
    """Run a job again that ended without success; return False, and change nothing, where it waits,
    runs, is done, or does not exist.

    Its tries and the deadline of its retries begin anew. It runs beside the others of its lane, not
    behind them.
    """
    found = CoreJob.get_or_none(CoreJob.id == job_id)
    if found is None or not _again(tx, [found.id], ENDED_WITHOUT_SUCCESS):
        return False
    tx.audit("operations.job.retried", job_id, label=found.name)
    return True


def retry_dead_jobs(tx: Tx, queue: str) -> int:
    """Run the jobs of a queue again that have failed, the first ``MOST`` of them; return how many.

    Those of unknown outcome are left out: each may have done what it was to do.
    """
    dead = (
        CoreJob.select(CoreJob.id)
        .where(CoreJob.queue == queue, CoreJob.state == "dead")
        .order_by(CoreJob.wanted_at)
        .limit(MOST)
    )
    count = _again(tx, [row.id for row in dead], ("dead",))
    if count:
        tx.audit("operations.queue.retried", queue, after={"jobs": count})
    return count


def payload_of(job_id: str) -> dict[str, Any] | None:
    """Return what a job was enqueued with, long texts cut and secrets hidden; ``None`` where there
    is no such job. To be run in a unit of work."""
    row = CoreJob.select(CoreJob.payload).where(CoreJob.id == job_id).tuples().first()
    return None if row is None else {name: _shown(name, v) for name, v in decode(row[0]).items()}


def _again(tx: Tx, ids: Collection[str], states: Collection[str]) -> int:
    """Have jobs claimed again that are in one of ``states`` still; return how many there are."""
    if not ids:
        return 0
    # Whoever has asked for the cancellation of one did so before.
    CoreCancellation.delete().where(CoreCancellation.job_id.in_(ids)).execute()
    return int(
        CoreJob.update(
            state="queued",
            attempts=0,
            wanted_at=tx.now,
            due_at=tx.now,
            updated_at=tx.now,
            finished_at=None,
            lane=None,
            lane_position=None,
            progress_done=None,
            progress_total=None,
            progress_note=None,
        )
        .where(CoreJob.id.in_(ids), CoreJob.state.in_(states))
        .execute()
    )


def _shown(name: str, value: Any) -> Any:
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _shown(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(name, each) for each in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}…"
    return value
