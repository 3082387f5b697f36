"""Scheduled jobs: enqueued at each due time, once for all processes.

Each due time of a job is one row, whose id is derived from the job's name and that time, so that
the first process that inserts it has done so for all. After a pause only the latest due time is
caught up on, and while one run of a job waits or runs, its next ones are skipped.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from changemaker_core.jobs import lanes, statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Interval, Job
    from changemaker_core.site import Site

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def latest_due(schedule: Interval, now: datetime) -> datetime:
    """Return the last multiple of the interval since 1970 that is not after ``now``."""
    return _EPOCH + (now - _EPOCH) // schedule.interval * schedule.interval


def slot_id(name: str, due: datetime) -> str:
    """Return the id of the row for a due time: a UUIDv8 that sorts by time as UUIDv7 do."""
    digest = int.from_bytes(hashlib.sha256(f"{name} {due.isoformat()}".encode()).digest()[:10])
    milliseconds = int(due.timestamp() * 1000)
    number = milliseconds << 80 | 0x8 << 76 | (digest >> 68) << 64
    return str(uuid.UUID(int=number | 0b10 << 62 | digest & (1 << 62) - 1))


class Scheduler:
    """Enqueues scheduled jobs. Calling it often costs little."""

    def __init__(self, site: Site, names: Iterable[str] | None = None) -> None:
        jobs = map(site.job, site.job_names() if names is None else names)
        self._site = site
        self._jobs = [job for job in jobs if job is not None and job.schedule is not None]
        self._enqueued: dict[str, datetime] = {}

    def enqueue_due(self) -> int:
        """Insert the rows that came due since the last call; return how many were new."""
        now = self._site.clock()
        slots = {job.name: latest_due(job.schedule, now) for job in self._jobs if job.schedule}
        fresh = [job for job in self._jobs if self._enqueued.get(job.name) != slots[job.name]]
        inserted = self._site.db.sync.write(_insert, fresh, slots) if fresh else 0
        self._enqueued.update(slots)
        return inserted


def current_slots(site: Site, now: datetime) -> list[str]:
    """Return the ids of rows that must not be purged, lest their due time is caught up on again."""
    jobs = [job for job in map(site.job, site.job_names()) if job is not None]
    return [slot_id(job.name, latest_due(job.schedule, now)) for job in jobs if job.schedule]


def _insert(tx: Tx, jobs: Iterable[Job], slots: dict[str, datetime]) -> int:
    return sum(_insert_slot(tx, job, slots[job.name]) for job in jobs)


def _insert_slot(tx: Tx, job: Job, due: datetime) -> bool:
    # Its lane holds one job: none is inserted while another of the job waits or runs.
    lane = lanes.SCHEDULE + job.name
    new = slot_id(job.name, due)
    return statements.insert(tx, new, job.name, job.queue, "{}", due, lane=lane, position=1)
