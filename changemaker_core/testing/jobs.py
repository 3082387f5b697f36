"""A site of a database and jobs, and nothing else; and a clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.db import Database, utcnow
from changemaker_core.jobs import Outbox, subscription_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.plugin.types import Job, Subscription


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Move on, by what ``timedelta`` takes."""
        self.now += timedelta(**by)


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
        self.jobs = Outbox(self)
        self.db = Database.open(url, clock=clock, effects=self.jobs)
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
