"""What a worker's horse does with a ticket: it looks into the outbox, for a while."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs.executor import Executor
from changemaker_core.jobs.runner import GRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.jobs.site import JobSite

#: Seconds after which a horse takes no more, so that a worker turns to its other queues, and stops
#: soon where nobody passes a signal on to its horse.
SECONDS: Final = 5.0
#: Jobs to claim at once.
BATCH: Final = 10


def work_off(
    site: JobSite, queue: str, *, lease: timedelta = timedelta(seconds=60), threads: int = 4
) -> int:
    """Run what is due in ``queue``, for about ``SECONDS``; answers how many runs.

    SIGTERM makes it take no more, and ends the process once what runs has finished, or has had
    ``GRACE`` to. To be called in the main thread of a process that it may end.
    """
    with _heeding_sigterm() as stop:
        return Executor(site, [queue], threads, lease, BATCH).drain(queue, SECONDS, BATCH, stop)


def end_process_within(seconds: float) -> None:
    """End this process with status 0 if it has not ended by itself then."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


@contextmanager
def _heeding_sigterm() -> Iterator[threading.Event]:
    stop = threading.Event()

    def told(*_: object) -> None:
        # A second signal changes nothing: service managers signal every process of a group, and
        # the worker passes on what it gets itself.
        if not stop.is_set():
            stop.set()
            end_process_within(GRACE.total_seconds())

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
