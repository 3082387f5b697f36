"""Queues that people hold, release, and try one job of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Conflict, NotFound, Text
from changemaker_core.jobs import CoreJob, Hold, hold_queue, holds, try_now

if TYPE_CHECKING:
    from changemaker_core import Site, Tx

MANAGE: Final = "operations.queues.manage"
LONGEST_NOTE: Final = 500


async def hold_of(site: Site, queue: str) -> Hold | None:
    """Return why a queue is held and since when; ``None`` where it is not."""
    return next((each for each in await site.db.all(holds()) if each.queue == queue), None)


def hold(tx: Tx, site: Site, queue: str, note: str = "") -> None:
    """Start no more jobs of a queue until it is released.

    Jobs that are past their point of no return finish. Raises ``NotFound`` for an unknown queue,
    and ``Conflict`` for one that is held so already.
    """
    jobs = filter(None, map(site.job, site.job_names()))
    is_declared = any(job.queue == queue for job in jobs)
    if not is_declared and not CoreJob.select().where(CoreJob.queue == queue).exists():
        raise NotFound
    if not hold_queue(tx, queue, "operator", note):
        raise Conflict(Text("This queue is held already."), code="queue_held")


def release(tx: Tx, site: Site, queue: str) -> None:
    """Run the jobs of a held queue again. Raises ``Conflict`` for one that is not held."""
    if not site.jobs.guard.release(tx, queue):
        raise Conflict(Text("This queue is not held."), code="queue_not_held")


def try_one(tx: Tx, queue: str) -> None:
    """Have one job of a queue that is held because of a server tried at once; a success releases
    the queue. Raises ``Conflict`` for any other queue."""
    if not try_now(tx, queue):
        raise Conflict(
            Text("This queue is not held because of a server: no job of it is tried."),
            code="queue_not_tried",
        )
    tx.audit("operations.queue.tried", queue)
