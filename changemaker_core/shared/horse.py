"""What a worker's horse does with a ticket: it looks into the outbox, for a while."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs.executor import Executor
from changemaker_core.jobs.runner import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Seconds after which a horse takes no more, so that a worker turns to its other queues, and stops
#: soon where nobody passes a signal on to its horse.
SECONDS: Final = 5.0
#: Jobs to claim at once.
BATCH: Final = 10
#: What a database that hangs may take of the end, beyond ``GRACE``.
LAST_SECONDS: Final = 1.0


def work_off(
    site: Site, queue: str, *, lease: timedelta = timedelta(seconds=60), threads: int = 4
) -> int:
    """Run what is due in ``queue``, for about ``SECONDS``; answers how many runs.

    SIGTERM makes it take no more, and ends the process once what runs has finished, or has had
    ``GRACE`` to and is given back. To be called in the main thread of a process that it may end.
    """
    executor = Executor(site, [queue], threads, lease, BATCH)
    with _heeding_sigterm(executor.release_all) as stop:
        return executor.drain(SECONDS, stop)


def end_process_within(seconds: float) -> None:
    """End this process with status 0 if it has not ended by itself then."""
    _after(seconds, lambda: os._exit(0))


def _after(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


@contextmanager
def _heeding_sigterm(give_back: Callable[[], None]) -> Iterator[threading.Event]:
    """Set on SIGTERM, from when on the process has ``GRACE``, and may then still ``give_back``."""
    stop = threading.Event()

    def told(*_: object) -> None:
        # A second signal changes nothing: service managers signal every process of a group, and
        # the worker passes on what it gets itself.
        if not stop.is_set():
            stop.set()
            _after(GRACE.total_seconds(), cut_off)
            end_process_within(GRACE.total_seconds() + LAST_SECONDS)

    def cut_off() -> None:
        try:
            give_back()
        except Exception:  # the database is away, perhaps; the leases end by themselves
            log.exception("running jobs could not be given back")
        finally:
            os._exit(0)

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
