"""The description of the API: the OpenAPI document, and a page made from it.

And what plugins may import of operations: queues, and who holds them.
"""

from __future__ import annotations

from changemaker_core.features.operations.health import CheckResult
from changemaker_core.features.operations.queues import (
    LONGEST_NOTE,
    MANAGE,
    hold,
    hold_of,
    release,
    try_one,
)
from changemaker_core.features.operations.standing import (
    count_failed_jobs,
    count_held_queues,
    failing_checks,
)
from changemaker_core.jobs import (
    REASONS,
    Hold,
    JobDetail,
    WaitingJobs,
    holds,
    job_detail,
    waiting_jobs,
)

__all__ = [
    "LONGEST_NOTE",
    "MANAGE",
    "REASONS",
    "CheckResult",
    "Hold",
    "JobDetail",
    "WaitingJobs",
    "count_failed_jobs",
    "count_held_queues",
    "failing_checks",
    "hold",
    "hold_of",
    "holds",
    "job_detail",
    "release",
    "try_one",
    "waiting_jobs",
]
