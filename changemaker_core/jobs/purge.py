"""Core's own job: what is finished is deleted after some time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.db.sliding_window import Taken
from changemaker_core.jobs.declarations import Interval, Job
from changemaker_core.jobs.models import CoreCancellation, CoreJob
from changemaker_core.jobs.schedule import current_slots

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.jobs.running.job_run import JobRun

#: How long a finished job can be looked at, for each state.
RETENTION = {
    "done": timedelta(days=3),
    "dead": timedelta(days=90),
    "unknown": timedelta(days=90),
    "cancelled": timedelta(days=90),
}
#: The longest period of a limit that is counted in the database.
LONGEST_WINDOW = timedelta(days=31)
_BATCH = 1000  # other writers wait while these are deleted


def purge(run: JobRun) -> None:
    """Delete jobs that finished before their retention period, and uses of limits, in batches."""
    now = run.site.clock()
    slots = current_slots(run.site, now)
    for state, period in RETENTION.items():
        while run.write(_purge, state, now - period, slots) == _BATCH:
            pass
    run.write(_purge_cancellations)
    while run.write(_purge_windows, now - LONGEST_WINDOW) == _BATCH:
        pass


def _purge_cancellations(tx: Tx) -> None:
    finished = CoreJob.select(CoreJob.id).where(CoreJob.finished_at.is_null(False))
    CoreCancellation.delete().where(CoreCancellation.job_id.in_(finished)).execute()


def _purge_windows(tx: Tx, before: datetime) -> int:
    """Delete old uses of limits: those of somebody who never comes again are in nobody's way."""
    old = Taken.select(Taken.id).where(Taken.at < before).limit(_BATCH)
    return int(Taken.delete().where(Taken.id.in_(old)).execute())


def _purge(tx: Tx, state: str, before: datetime, slots: list[str]) -> int:
    old = (
        CoreJob.select(CoreJob.id)
        .where((CoreJob.state == state) & (CoreJob.finished_at < before))
        .where(CoreJob.id.not_in(slots))
        .limit(_BATCH)
    )
    return int(CoreJob.delete().where(CoreJob.id.in_(old)).execute())


def core_jobs() -> list[Job]:
    """Return the jobs that a site has without any plugin."""
    return [Job("core.purge", purge, queue="core", schedule=Interval(timedelta(hours=1)))]
