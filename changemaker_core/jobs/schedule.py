"""Scheduled jobs: enqueued at each due time, once for all processes.

Each due time of a job is one row, whose id is derived from the job's name and that time, so that
the first process that inserts it has done so for all. After a pause only the latest due time is
caught up on, and while one run of a job waits or runs, its next ones are skipped.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from changemaker_core.jobs import lanes, statements
from changemaker_core.jobs.declarations import Cron
from changemaker_core.jobs.models import CoreSchedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.db import Tx
    from changemaker_core.jobs.declarations import Interval, Job
    from changemaker_core.site import Site

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def latest_due(schedule: Interval | Cron, now: datetime, zone: str = "UTC") -> datetime:
    """Return the last due time that is not after ``now``; a ``Cron``'s on the clock of ``zone``."""
    if isinstance(schedule, Cron):
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        return _latest_on_clock(schedule.expression, zone, minute)
    return _EPOCH + (now - _EPOCH) // schedule.interval * schedule.interval


@lru_cache(maxsize=256)  # asked for several times a second, and changes once a minute
def _latest_on_clock(expression: str, zone: str, now: datetime) -> datetime:
    """The clock is walked back without a zone: its skipped and doubled hours are ours to decide.

    A skipped wall time has the offset from before the change, which makes it as much later; a
    doubled one its first meaning. While the clock shows an hour for the second time, later wall
    times than its own have been due already.
    """
    from croniter import croniter

    timezone = ZoneInfo(zone)
    local = now.astimezone(timezone)
    latest = local.replace(tzinfo=None) + timedelta(hours=3 if local.fold else 0, seconds=1)
    times = croniter(expression, latest)
    while True:
        wall: datetime = times.get_prev(datetime)
        due = wall.replace(tzinfo=timezone).astimezone(UTC)
        if due <= now:
            return due


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
        slots = {job.name: _slot(self._site, job, now) for job in self._jobs}
        fresh = [job for job in self._jobs if self._enqueued.get(job.name) != slots[job.name]]
        zone = self._site.time_zone
        inserted = self._site.db.sync.write(_insert, fresh, slots, zone) if fresh else 0
        self._enqueued.update(slots)
        return inserted


def current_slots(site: Site, now: datetime) -> list[str]:
    """Return the ids of rows that must not be purged, lest their due time is caught up on again."""
    jobs = [job for job in map(site.job, site.job_names()) if job is not None]
    return [slot_id(job.name, _slot(site, job, now)) for job in jobs if job.schedule]


def _slot(site: Site, job: Job, now: datetime) -> datetime:
    if job.schedule is None:
        raise ValueError(f"{job.name} has no schedule")
    zone = site.time_zone if isinstance(job.schedule, Cron) else "UTC"
    return latest_due(job.schedule, now, zone)


def _insert(tx: Tx, jobs: Iterable[Job], slots: dict[str, datetime], zone: str) -> int:
    return sum(
        _insert_slot(tx, job, slots[job.name])
        for job in jobs
        if not isinstance(job.schedule, Cron)
        or _begun(tx, job.name, f"{job.schedule.expression} {zone}") < slots[job.name]
    )


def _begun(tx: Tx, name: str, schedule: str) -> datetime:
    """Return since when the job has this schedule: from now on where it is new or was changed."""
    new = CoreSchedule.insert(name=name, schedule=schedule, since=tx.now)
    new.on_conflict_ignore().execute()
    changed = CoreSchedule.update(schedule=schedule, since=tx.now)
    changed.where((CoreSchedule.name == name) & (CoreSchedule.schedule != schedule)).execute()
    return CoreSchedule.get_by_id(name).since


def _insert_slot(tx: Tx, job: Job, due: datetime) -> bool:
    # Its lane holds one job: none is inserted while another of the job waits or runs.
    lane = lanes.SCHEDULE + job.name
    new = slot_id(job.name, due)
    return statements.insert(tx, new, job.name, job.queue, "{}", due, lane=lane, position=1)
