"""The runs of one executor: which are running, and how they are asked to stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.jobs.running.job_run import JobRun

#: Seconds that the programs of all runs may take to die of SIGKILL.
DYING: Final = 2.0


class Runs:
    """The runs of an executor's threads."""

    def __init__(self) -> None:
        self._runs: dict[str, JobRun] = {}
        self._are_stopping = False
        self._lock = threading.Lock()

    def add(self, run: JobRun) -> None:
        """Include a run, which stops at once where all of them stop."""
        with self._lock:
            self._runs[run.id] = run
            if self._are_stopping:
                run.stopping.set()

    def remove(self, run: JobRun) -> None:
        """Exclude a run that has ended."""
        with self._lock:
            self._runs.pop(run.id, None)

    def ids(self) -> list[str]:
        """Return the ids of the running jobs."""
        with self._lock:
            return list(self._runs)

    def stop(self) -> None:
        """Ask all runs to stop, because their process does. Their programs may finish."""
        with self._lock:
            self._are_stopping = True
            for run in self._runs.values():
                run.stopping.set()

    def cancel(self, ids: Iterable[str]) -> None:
        """Have these runs end as cancelled, with their programs."""
        for run in self._find(ids):
            run.is_cancelled = True
            run.end()

    def lose(self, ids: Iterable[str]) -> None:
        """Have these runs end, whose leases are lost, with their programs."""
        for run in self._find(ids):
            run.end()

    def end(self) -> None:
        """End the programs of all runs: their leases are about to be released."""
        runs = self._find(self.ids())
        for run in runs:
            run.end()
        until = time.monotonic() + DYING
        for run in runs:
            run.children.wait(max(0.0, until - time.monotonic()))

    def _find(self, ids: Iterable[str]) -> list[JobRun]:
        with self._lock:
            return [self._runs[job_id] for job_id in ids if job_id in self._runs]
