"""What the child process that an RQ worker forks, its *work horse*, does with a ticket."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs.running.executor import Executor
from changemaker_core.jobs.running.runner import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Seconds after which a work horse ends with the jobs that are running then, so that it stops soon
#: where its worker was killed and no signal is passed on to it.
TICKET_SECONDS: Final = 5.0
#: Jobs to claim at once.
BATCH: Final = 10
#: Seconds beyond ``GRACE`` that releasing the leases may take, where the database hangs.
RELEASE_SECONDS: Final = 1.0


#: The queues of the worker whose work horse this is; empty under a plain RQ worker.
worker_queues: ContextVar[tuple[str, ...]] = ContextVar("worker_queues", default=())


def run_ticket(
    site: Site,
    queue: str,
    *,
    lease: timedelta = timedelta(seconds=60),
    concurrency: Mapping[str, int] | None = None,
) -> None:
    """Run what is due in ``queue``, and in the worker's other queues, until nothing is.

    A ticket is a reason to look, and a long job of one queue must not hold up the others, whose
    tickets wait for this worker. After ``TICKET_SECONDS`` jobs start only beside those that are
    still running. On SIGTERM no more jobs start, and the process ends once the running ones have
    finished, or had ``GRACE`` to finish and are released. Must be called on the main thread.
    """
    queues = [queue, *(name for name in worker_queues.get() if name != queue)]
    executor = Executor(site, queues, lease=lease, batch=BATCH, concurrency=concurrency)
    with _stop_on_sigterm(executor.release_all) as stop:
        executor.drain(TICKET_SECONDS, stop)


def exit_within(seconds: float) -> None:
    """End this process with status 0 unless it has ended by itself after ``seconds``."""
    _call_after(seconds, lambda: os._exit(0))


def _call_after(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


@contextmanager
def _stop_on_sigterm(release: Callable[[], None]) -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets. From then on the process has ``GRACE``; after that
    ``release`` is called, and the process ends."""
    stop = threading.Event()

    def on_sigterm(*_: object) -> None:
        # A second signal changes nothing: service managers signal every process of a group, and
        # the worker passes on the one that it gets itself.
        if not stop.is_set():
            stop.set()
            _call_after(GRACE.total_seconds(), release_and_exit)
            exit_within(GRACE.total_seconds() + RELEASE_SECONDS)

    def release_and_exit() -> None:
        try:
            release()
        except Exception:  # the database may be down; the leases expire by themselves
            log.exception("running jobs could not be released")
        finally:
            os._exit(0)

    before = signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
