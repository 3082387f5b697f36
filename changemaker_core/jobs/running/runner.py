"""The runner: an executor and a scheduler, in a process or on a thread."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.jobs.running.executor import POLL_SECONDS, Executor
from changemaker_core.jobs.schedule import Scheduler
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: How long running jobs have to finish; a graceful stop takes at most ten seconds in all.
GRACE = timedelta(seconds=8)


def run_jobs(
    site: Site,
    stop: threading.Event,
    *,
    queues: Collection[str] | None = None,
    workers: int = 4,
    concurrency: Mapping[str, int] | None = None,
    lease: timedelta = timedelta(seconds=60),
    batch: int = 10,
    names: Collection[str] | None = None,
    grace: timedelta = GRACE,
) -> None:
    """Run due jobs and enqueue scheduled ones until ``stop`` is set. Blocks.

    The other options are those of ``Executor``.
    """
    executor = Executor(site, queues, workers, lease, batch, names=names, concurrency=concurrency)
    scheduling = threading.Thread(
        target=_schedule, args=(Scheduler(site, names), stop), name="job-schedule", daemon=True
    )
    scheduling.start()
    executor.run_forever(stop, grace)
    scheduling.join(1)


class RunnerThread:
    """A runner on a thread of another process, for demonstrations and tests.

    ``with RunnerThread(site): …`` runs it while the block runs; ``options`` are those of
    ``run_jobs``.
    """

    def __init__(self, site: Site, **options: object) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=run_jobs, args=(site, self._stop), kwargs=options, name="job-runner", daemon=True
        )

    def start(self) -> None:
        """Start the thread. To be called once."""
        self._thread.start()

    def stop(self) -> None:
        """Let running jobs finish, and return when the runner has ended."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> RunnerThread:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _schedule(scheduler: Scheduler, stop: threading.Event) -> None:
    trouble = Trouble(log, "scheduled jobs cannot be enqueued")
    while True:
        try:
            scheduler.enqueue_due()
        except Exception as error:  # the database may be down for now
            trouble.failed(error, traceback=not isinstance(error, DatabaseUnavailable))
        else:
            trouble.passed()
        if stop.wait(POLL_SECONDS):
            return
