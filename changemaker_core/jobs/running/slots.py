"""Which claimed job starts next, and how many more each queue may claim.

Each queue has its own number of jobs that run at once in this process, so that ten long videos
leave the mail of another queue alone. Queues take turns.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.jobs.statements import ClaimedJob

#: Seconds of work that a process may claim ahead of what it can start at once. More would keep
#: short jobs from other processes.
AHEAD: Final = 0.25


@dataclass(slots=True)
class _Queue:
    limit: int
    running: int = 0
    claimed: deque[ClaimedJob] = field(default_factory=deque)
    #: Seconds that a job takes, recent ones counting more; None before the first has finished.
    pace: float | None = None

    @property
    def free(self) -> int:
        return max(0, self.limit - self.running)


class Slots:
    """The queues of one executor. Safe to use from several threads.

    ``limit(queue)`` returns how many jobs of a queue may run at once; ``batch`` is the most that a
    claim takes.
    """

    def __init__(self, limit: Callable[[str], int], batch: int) -> None:
        self._limit = limit
        self._batch = batch
        self._queues: dict[str, _Queue] = {}
        self._lock = threading.Lock()

    @property
    def are_idle(self) -> bool:
        """Whether no job runs and none waits for a slot."""
        with self._lock:
            return not any(state.running or state.claimed for state in self._queues.values())

    def claimable(self, queue: str) -> int:
        """Return how many jobs of ``queue`` to claim now: none while some wait for a slot.

        Where its jobs are short, more than can start at once, since each claim is a transaction.
        """
        with self._lock:
            state = self._state(queue)
            if state.claimed or not state.free:
                return 0
            ahead = 1 if state.pace is None else int(AHEAD / max(state.pace, 0.001))
            return min(self._batch, state.free * max(1, ahead))

    def add(self, queue: str, jobs: Iterable[ClaimedJob]) -> None:
        """Store claimed jobs, oldest first."""
        with self._lock:
            self._state(queue).claimed.extend(jobs)

    def take(self) -> tuple[str, ClaimedJob] | None:
        """Return the next job that may start, and its queue, which then has the last turn."""
        with self._lock:
            for name, state in self._queues.items():
                if state.claimed and state.free:
                    state.running += 1
                    self._queues[name] = self._queues.pop(name)
                    return name, state.claimed.popleft()
            return None

    def finished(self, queue: str, seconds: float) -> bool:
        """Free the slot of a job that took ``seconds``; return whether the queue had no other."""
        with self._lock:
            state = self._queues[queue]
            was_full = not state.free
            state.running -= 1
            state.pace = seconds if state.pace is None else 0.7 * state.pace + 0.3 * seconds
            return was_full

    def unstarted(self) -> list[ClaimedJob]:
        """Remove and return the claimed jobs that were not started."""
        with self._lock:
            jobs = [job for state in self._queues.values() for job in state.claimed]
            for state in self._queues.values():
                state.claimed.clear()
            return jobs

    def _state(self, queue: str) -> _Queue:
        if queue not in self._queues:
            self._queues[queue] = _Queue(self._limit(queue))
        return self._queues[queue]
