"""Holds queues whose jobs must not be done late, or again after the database was restored.

A guarded queue is one with a job that has ``hold_after``. Its row in ``core_beat`` holds a number
that grows with each point of no return that is passed in it, and each time an executor says that
it is there. Each machine keeps the highest number that it has seen committed in a file of the
site's run folder, outside of any backup. Two rules follow.

- What is done after a point of no return is done after the file holds its number. So a database
  whose number is lower than the file's has forgotten something: it was restored.
- A file never holds a number that is not committed, since it is written after the commit. A
  process that is killed in between leaves the file behind, which says nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from changemaker_core.jobs import beats
from changemaker_core.jobs.countfile import CountFile
from changemaker_core.jobs.holds import drop_hold, hold, is_waiting
from changemaker_core.jobs.model import CoreJob

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.jobs.beats import Beat
    from changemaker_core.jobs.site import JobSite

log = logging.getLogger(__name__)

#: How often the executors of a queue say that they are there, all of them together.
EVERY: Final = timedelta(seconds=30)
#: A silence is counted from so much after the last beat, so that what was enqueued between two
#: beats is older than the silence too.
BETWEEN: Final = 2 * EVERY
#: What a restored database's number is raised by, beyond any number that other machines may hold.
LEAP: Final = 2**40


class Guard:
    """One site's guard. Everything costs nothing where no queue is guarded."""

    def __init__(self, site: JobSite) -> None:
        self._site = site
        self._beaten: dict[str, datetime] = {}
        self._files: dict[str, CountFile] = {}

    @cached_property
    def limits(self) -> dict[str, timedelta]:
        """The guarded queues, and how long a silence each of them may have."""
        found: dict[str, timedelta] = {}
        for job in map(self._site.job, self._site.job_names()):
            if job is not None and job.hold_after is not None:
                found[job.queue] = min(job.hold_after, found.get(job.queue, job.hold_after))
        return found

    def beat(self, queues: Iterable[str]) -> None:
        """Say that somebody works for ``queues``, having held those that must be. Cheap to call.

        To be called before anything of them is claimed, and again and again.
        """
        now = self._site.clock()
        for queue in queues:
            if queue in self.limits and not _is_near(self._beaten.get(queue), now, EVERY):
                self._beat_where_due(queue)
                self._beaten[queue] = now

    def check(self, tx: Tx, queue: str) -> None:
        """Hold ``queue`` where its database was restored under this process.

        To be called in the transaction of a claim, before it.
        """
        if queue in self.limits:
            known = self._file(queue).read()  # first: what is committed meanwhile is only more
            if beats.read(queue).number < known:
                self._judge_and_beat(tx, queue)

    def advance(self, tx: Tx, queue: str) -> bool:
        """Count a point of no return; False where it must not be passed: ``queue`` is held, or
        will be as soon as somebody looks.

        To be called last in the transaction, since others wait for the row from here on.
        """
        if queue not in self.limits:
            return True
        known = self._file(queue).read()
        beat = beats.advance(queue)
        if beat is None or beat.number <= known or self._is_silent(queue, beat, tx.now):
            return False
        tx.after_commit(partial(self._file(queue).raise_to, beat.number))
        return True

    def release(self, tx: Tx, queue: str) -> bool:
        """End a hold; False where there is none.

        Somebody has looked, so that neither the silence nor the restore until now counts again.
        """
        if queue in self.limits:
            known = self._file(queue).read()
            number = beats.locked(queue).number
            beats.save(queue, known + LEAP if number < known else number, tx.now)
        return drop_hold(tx, queue)

    def _beat_where_due(self, queue: str) -> None:
        if not self._site.db.sync.read(self._is_fresh, queue):
            self._site.db.sync.write(self._judge_and_beat, queue)

    def _is_fresh(self, queue: str) -> bool:
        """Whether another executor has just done it."""
        known = self._file(queue).read()
        beat = beats.read(queue)
        return beat.number >= known and _is_near(beat.at, self._site.clock(), EVERY)

    def _judge_and_beat(self, tx: Tx, queue: str) -> None:
        """Both in one transaction: a beat hides what it is judged by."""
        file = self._file(queue)
        known = file.read()
        beat = beats.locked(queue)
        number = beat.number + 1
        if beat.number < known:
            number = known + LEAP
            self._hold_if(_waits(queue), tx, queue, "restore")
        elif self._is_silent(queue, beat, tx.now):
            older = _waits(queue, before=tx.now - self.limits[queue])
            self._hold_if(older, tx, queue, "silence")
        beats.save(queue, number, tx.now)
        tx.after_commit(partial(file.raise_to, number))

    def _hold_if(self, some_wait: bool, tx: Tx, queue: str, reason: str) -> None:
        if some_wait and hold(tx, queue, reason):
            tx.after_commit(
                lambda: log.warning(
                    "queue %s is held (%s): `changemaker queues release %s` says what waits",
                    queue,
                    reason,
                    queue,
                )
            )

    def _is_silent(self, queue: str, beat: Beat, now: datetime) -> bool:
        return not _is_near(beat.at, now, self.limits[queue] + BETWEEN)

    def _file(self, queue: str) -> CountFile:
        if queue not in self._files:
            path = self._site.run_folder / "queues" / quote(queue, safe="")
            self._files[queue] = CountFile(path)
        return self._files[queue]


def _is_near(moment: datetime | None, now: datetime, most: timedelta) -> bool:
    """Whether they are less than ``most`` apart; before or after, since clocks are put right."""
    return moment is not None and abs(now - moment) < most


def _waits(queue: str, before: datetime | None = None) -> bool:
    """Whether anything waits in ``queue`` that was enqueued until ``before``."""
    found = CoreJob.select(CoreJob.id).where((CoreJob.queue == queue) & is_waiting())
    if before is not None:
        found = found.where(CoreJob.created_at <= before)
    return bool(found.exists())
