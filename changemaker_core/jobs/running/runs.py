"""The runs of one executor: which are running, and how they are asked to stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.jobs.running.job_run import JobRun
    from changemaker_core.jobs.statements import Lease

#: Seconds that the programs of all runs may take to die of SIGKILL.
DYING: Final = 2.0


class Runs:
    """The runs of an executor's threads."""

    def __init__(self) -> None:
        self._runs: dict[Lease, JobRun] = {}
        self._are_stopping = False
        self._lock = threading.Lock()

    def add(self, run: JobRun) -> None:
        """Include a run, which stops at once where all of them stop."""
        with self._lock:
            self._runs[run.lease] = run
            if self._are_stopping:
                run.stopping.set()

    def remove(self, run: JobRun) -> None:
        """Exclude a run that has ended."""
        with self._lock:
            self._runs.pop(run.lease, None)

    def ids(self) -> list[str]:
        """Return the ids of the running jobs."""
        with self._lock:
            return list({run.id for run in self._runs.values()})

    def stop(self) -> None:
        """Ask all runs to stop, because their process does. Their programs may finish."""
        with self._lock:
            self._are_stopping = True
            for run in self._runs.values():
                run.stopping.set()

    def cancel(self, ids: Iterable[str]) -> None:
        """Have the runs of these jobs end as cancelled, with their programs."""
        wanted = set(ids)
        for run in self._all():
            if run.id in wanted:
                run.is_cancelled = True
                run.end()

    def lose(self, leases: Iterable[Lease]) -> None:
        """Have the runs end whose leases are lost, with their programs."""
        lost = set(leases)
        for run in self._all():
            if run.lease in lost:
                run.end()

    def end(self) -> None:
        """End the programs of all runs: their leases are about to be released."""
        runs = self._all()
        for run in runs:
            run.end()
        until = time.monotonic() + DYING
        for run in runs:
            run.children.wait(max(0.0, until - time.monotonic()))

    def _all(self) -> list[JobRun]:
        with self._lock:
            return list(self._runs.values())
