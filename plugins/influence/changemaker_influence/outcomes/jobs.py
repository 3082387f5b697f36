"""Sending all failed messages of a campaign again: as a job, since there may be many."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from changemaker_core import Job
from changemaker_influence.outcomes import services

if TYPE_CHECKING:
    from changemaker_core import JobRun


def retry_failed(run: JobRun, campaign_id: str, before: str) -> None:
    """Queue the failed messages of a campaign again."""
    moment = datetime.fromisoformat(before)
    while run.write(services.retry_batch, campaign_id, moment) == services.BATCH:
        run.stop_if_asked()


JOBS: Final = (Job(services.RETRY_FAILED, retry_failed),)
