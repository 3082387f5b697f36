"""Core's own jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.jobs.model import CoreJob
from changemaker_core.jobs.schedule import current_slots
from changemaker_core.plugin.types import Every, Job

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.jobs.job import JobRun

#: How long finished jobs can be looked at.
KEPT = {
    "done": timedelta(days=3),
    "dead": timedelta(days=90),
    "unknown": timedelta(days=90),
}
_AT_ONCE = 1000  # other writers wait while these go


def tidy(run: JobRun) -> None:
    """Delete finished jobs of long ago, in bites."""
    now = run.site.clock()
    keep = current_slots(run.site, now)
    for state, period in KEPT.items():
        while run.write(_purge, state, now - period, keep) == _AT_ONCE:
            pass


def _purge(tx: Tx, state: str, before: datetime, keep: list[str]) -> int:
    old = (
        CoreJob.select(CoreJob.id)
        .where((CoreJob.state == state) & (CoreJob.finished_at < before))
        .where(CoreJob.id.not_in(keep))
        .limit(_AT_ONCE)
    )
    return int(CoreJob.delete().where(CoreJob.id.in_(old)).execute())


def core_jobs() -> list[Job]:
    """The jobs that a site has without any plugin."""
    return [Job("core.tidy", tidy, queue="core", schedule=Every(timedelta(hours=1)))]
