"""What is wrong at present, in numbers: for pages that show what waits for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from changemaker_core.features.operations.health import CheckResult, HealthChecks
from changemaker_core.jobs import failed_jobs, holds

if TYPE_CHECKING:
    from changemaker_core import Site

#: Jobs that failed longer ago wait for nobody.
RECENT: Final = timedelta(days=7)

_CHECKS: WeakKeyDictionary[Site, HealthChecks] = WeakKeyDictionary()


def health_checks(site: Site) -> HealthChecks:
    """Return the health checks of a site; the same whenever it is called."""
    if site not in _CHECKS:
        _CHECKS[site] = HealthChecks(site)
    return _CHECKS[site]


async def failing_checks(site: Site) -> list[CheckResult]:
    """Run the health checks, and return those that do not pass: ``warning`` or ``failed``."""
    health = await health_checks(site).run()
    return [result for result in health.checks if result.status != "ok"]


async def count_held_queues(site: Site) -> int:
    """Return how many queues are held."""
    return await site.db.count(holds())


async def count_failed_jobs(site: Site) -> int:
    """Return how many jobs that were to run in the last seven days have failed."""
    queues = sorted({job.queue for name in site.job_names() if (job := site.job(name))})
    return await site.db.count(failed_jobs(queues, site.clock() - RECENT))
