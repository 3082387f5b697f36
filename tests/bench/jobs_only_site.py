"""A site of a database and jobs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from changemaker_core.audit import AuditLog
from changemaker_core.config import Config
from changemaker_core.db import Database, utcnow
from changemaker_core.jobs import Outbox, subscription_job
from changemaker_core.settings.own import MailSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from changemaker_core.jobs.declarations import Job, Subscription
    from changemaker_core.site import Site


class JobsOnlySite:
    """As much of a ``Site`` as jobs need. Close its ``db`` in the end."""

    def __init__(
        self,
        url: str,
        jobs: Iterable[Job],
        subscriptions: Iterable[Subscription] = (),
        clock: Callable[[], datetime] = utcnow,
        run_folder: Path = Path("run"),
    ) -> None:
        self.clock = clock
        self.run_folder = run_folder
        self.config = Config.for_tests(run_folder)
        self.time_zone, self.default_locale = "UTC", "en"
        self.mail_settings = MailSettings()
        self.jobs = Outbox(cast("Site", self))
        self.db = Database.open(url, clock=clock, effects=self.jobs, audit_log=AuditLog())
        self._subscriptions = list(subscriptions)
        self._jobs = {job.name: job for job in jobs}
        self._jobs.update((job.name, job) for job in map(subscription_job, self._subscriptions))

    def job(self, name: str) -> Job | None:
        """The job of this name."""
        return self._jobs.get(name)

    def job_names(self) -> list[str]:
        """All of their names."""
        return list(self._jobs)

    def subscriptions(self, event: str) -> list[Subscription]:
        """Who wants to hear of ``event``."""
        return [each for each in self._subscriptions if each.event == event]
