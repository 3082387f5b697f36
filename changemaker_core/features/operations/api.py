"""What plugins may import of operations: what pages for operators need."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from changemaker_core.features.operations.archives import Archive
from changemaker_core.features.operations.backing_up import QUEUE as BACKUP_QUEUE
from changemaker_core.features.operations.backing_up import Backups, backups_of, enqueue_backup
from changemaker_core.features.operations.findings import run_checks
from changemaker_core.features.operations.health import (
    CheckResult,
    Health,
    HealthChecks,
    ShownHealth,
    shown_to_operators,
)
from changemaker_core.features.operations.plugins import (
    InstalledPlugin,
    PluginDetails,
    installed_plugins,
    plugin_details,
)
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
    health_checks,
)
from changemaker_core.jobs import (
    REASONS,
    Hold,
    JobDetail,
    JobState,
    JobView,
    QueueDepth,
    WaitingJobs,
    cancel_job,
    holds,
    job_detail,
    jobs,
    jobs_of,
    payload_of,
    queue_depths,
    retry_dead_jobs,
    retry_job,
    waiting_jobs,
)

if TYPE_CHECKING:
    from changemaker_core import Finding, Site

__all__ = [
    "BACKUPS_MAKE",
    "BACKUPS_READ",
    "BACKUP_QUEUE",
    "JOBS_MANAGE",
    "JOBS_READ",
    "LONGEST_NOTE",
    "MANAGE",
    "READ_HEALTH",
    "REASONS",
    "Archive",
    "Backups",
    "CheckResult",
    "Health",
    "HealthChecks",
    "Hold",
    "InstalledPlugin",
    "JobDetail",
    "JobState",
    "JobView",
    "PluginDetails",
    "QueueDepth",
    "ShownHealth",
    "WaitingJobs",
    "backups_of",
    "cancel_job",
    "check_site",
    "count_failed_jobs",
    "count_held_queues",
    "enqueue_backup",
    "failing_checks",
    "health_checks",
    "hold",
    "hold_of",
    "holds",
    "installed_plugins",
    "job_detail",
    "jobs",
    "jobs_of",
    "payload_of",
    "plugin_details",
    "queue_depths",
    "queue_names",
    "release",
    "retry_dead_jobs",
    "retry_job",
    "shown_to_operators",
    "try_one",
    "waiting_jobs",
]

#: The permissions of what is here; ``MANAGE`` is that of holding and releasing queues.
JOBS_READ: Final = "operations.jobs.read"
JOBS_MANAGE: Final = "operations.jobs.manage"
READ_HEALTH: Final = "operations.health.read"
BACKUPS_READ: Final = "operations.backups.read"
BACKUPS_MAKE: Final = "operations.backups.make"


def queue_names(site: Site) -> list[str]:
    """Return the queues of the site's jobs."""
    return sorted({job.queue for name in site.job_names() if (job := site.job(name)) is not None})


async def check_site(site: Site) -> list[tuple[str, Finding]]:
    """Return what the checks of core and plugins find, as ``changemaker doctor`` reports it, each
    with the name of its check.

    Takes seconds: a mail server and name servers are asked. The configuration and plugins that
    could not be loaded are the command's alone.
    """
    checks = site.call_hook("operations_register_checks", site=site)
    return await asyncio.to_thread(lambda: list(run_checks(checks, site)))
