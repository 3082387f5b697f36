"""Holds queues whose jobs must not run late, or again after the database was restored.

A guarded queue is one with a job that has ``hold_after``. Its heartbeat, a row of
``core_heartbeat``, has a number that grows with each point of no return that is passed in the
queue, and each time its executors report that they are alive. Each machine keeps the highest number
that it has seen committed in a file of the site's run folder, outside of any backup. Two rules
follow.

- What happens after a point of no return happens after the file has its number, unless the file
  cannot be written, which is logged. So a database whose number is lower than the file's has lost
  something: it was restored.
- A file never has a number that is not committed, since it is written after the commit. A process
  that is killed in between leaves the file behind the database, which means nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from changemaker_core.db.fields import read_utc, utc_text
from changemaker_core.jobs.held_queues.counter_file import CounterFile
from changemaker_core.jobs.held_queues.hold import delete_hold, hold_queue, is_waiting
from changemaker_core.jobs.models import CoreJob
from changemaker_core.jobs.statements import execute, is_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from changemaker_core.db import Tx
    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Time between the heartbeats of a queue, which all of its executors share.
INTERVAL: Final = timedelta(seconds=30)
#: A silence begins this long after the last heartbeat, so that what was enqueued between two
#: heartbeats is older than the silence.
SLACK: Final = 2 * INTERVAL
#: What the number of a restored database is raised by, beyond any number that other machines have.
LEAP: Final = 2**40

_READ = "SELECT number, at FROM core_heartbeat WHERE queue = ?"
_ENSURE = "INSERT INTO core_heartbeat (queue, number) VALUES (?, 0) ON CONFLICT DO NOTHING"
_SAVE = "UPDATE core_heartbeat SET number = ?, at = ? WHERE queue = ?"
#: A queue that is held until a job succeeds is held for no danger, and that job must pass.
_ADVANCE = """
UPDATE core_heartbeat SET number = number + 1
WHERE queue = ? AND NOT EXISTS (
  SELECT 1 FROM core_hold WHERE core_hold.queue = ? AND retry_at IS NULL)
RETURNING number, at"""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A guarded queue's number, and the time of its last heartbeat; None where there was none."""

    number: int
    at: datetime | None


class Guard:
    """The guard of one site's queues. It costs nothing where no queue is guarded."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last: dict[str, datetime] = {}
        self._files: dict[str, CounterFile] = {}

    @cached_property
    def hold_after(self) -> dict[str, timedelta]:
        """The guarded queues, and the silence after which each is held."""
        found: dict[str, timedelta] = {}
        for job in map(self._site.job, self._site.job_names()):
            if job is not None and job.hold_after is not None:
                found[job.queue] = min(job.hold_after, found.get(job.queue, job.hold_after))
        return found

    def heartbeat(self, queues: Iterable[str]) -> None:
        """Record that an executor serves ``queues``, after holding those that must be held.

        To be called before each claim; most calls cost nothing.
        """
        now = self._site.clock()
        for queue in queues:
            if queue in self.hold_after and not _is_near(self._last.get(queue), now, INTERVAL):
                if not self._site.db.sync.read(self._is_fresh, queue):
                    self._site.db.sync.write(self._judge_and_save, queue)
                self._last[queue] = now

    def check(self, tx: Tx, queue: str) -> None:
        """Hold ``queue`` where its database was restored under this process.

        To be called in the transaction of a claim, before it.
        """
        if queue in self.hold_after:
            seen = self._file(queue).read()  # first: what is committed meanwhile is only higher
            if read_heartbeat(queue).number < seen:
                self._judge_and_save(tx, queue)

    def advance(self, tx: Tx, queue: str) -> bool:
        """Count a point of no return; return False where it must not be passed, because ``queue``
        is held or the next heartbeat will hold it.

        To be called last in the transaction, since others wait for the row from here on.
        """
        if queue not in self.hold_after:
            return True
        seen = self._file(queue).read()
        row = execute(_ADVANCE, queue, queue).fetchone()
        if row is None:  # held, or without any heartbeat
            return False
        advanced = _heartbeat(row)
        if advanced.number <= seen or self._is_silent(queue, advanced, tx.now):
            return False
        tx.after_commit(partial(self._file(queue).raise_to, advanced.number))
        return True

    def release(self, tx: Tx, queue: str) -> bool:
        """End a hold; return False where there is none.

        An operator has looked, so that the silence or restore until now does not count again.
        """
        if queue in self.hold_after:
            seen = self._file(queue).read()
            number = _lock_heartbeat(queue).number
            _save_heartbeat(queue, seen + LEAP if number < seen else number, tx.now)
        if not delete_hold(tx, queue):
            return False
        tx.audit("operations.queue.released", queue)
        return True

    def _is_fresh(self, queue: str) -> bool:
        """Return whether another executor has just made a heartbeat."""
        seen = self._file(queue).read()
        last = read_heartbeat(queue)
        return last.number >= seen and _is_near(last.at, self._site.clock(), INTERVAL)

    def _judge_and_save(self, tx: Tx, queue: str) -> None:
        """Hold the queue where it must be, and make a heartbeat.

        NOTE(atomicity): in one transaction, since a heartbeat hides what it is judged by.
        """
        file = self._file(queue)
        seen = file.read()
        last = _lock_heartbeat(queue)
        number = last.number + 1
        if last.number < seen:
            number = seen + LEAP
            self._hold_if(_any_waits(queue), tx, queue, "restore")
        elif self._is_silent(queue, last, tx.now):
            before = tx.now - self.hold_after[queue]
            self._hold_if(_any_waits(queue, before=before), tx, queue, "silence")
        _save_heartbeat(queue, number, tx.now)
        tx.after_commit(partial(file.raise_to, number))

    def _hold_if(self, some_wait: bool, tx: Tx, queue: str, reason: str) -> None:
        if some_wait and hold_queue(tx, queue, reason):
            message = "queue %s is held (%s): `changemaker queues release %s` shows waiting jobs"
            tx.after_commit(lambda: log.warning(message, queue, reason, queue))

    def _is_silent(self, queue: str, last: Heartbeat, now: datetime) -> bool:
        return not _is_near(last.at, now, self.hold_after[queue] + SLACK)

    def _file(self, queue: str) -> CounterFile:
        if queue not in self._files:
            path = self._site.run_folder / "queues" / quote(queue, safe="")
            self._files[queue] = CounterFile(path)
        return self._files[queue]


def read_heartbeat(queue: str) -> Heartbeat:
    """Return the queue's heartbeat; its number is -1 where there was none."""
    return _heartbeat(execute(_READ, queue).fetchone())


def _lock_heartbeat(queue: str) -> Heartbeat:
    """Return the heartbeat, which only this transaction can change until it ends."""
    execute(_ENSURE, queue)
    lock = " FOR UPDATE" if is_postgresql() else ""  # SQLite has one writer anyway
    return _heartbeat(execute(_READ + lock, queue).fetchone())


def _save_heartbeat(queue: str, number: int, now: datetime) -> None:
    execute(_SAVE, number, utc_text(now), queue)


def _heartbeat(row: tuple[int, str | datetime | None] | None) -> Heartbeat:
    number, at = row or (-1, None)
    return Heartbeat(number, None if at is None else read_utc(at))


def _is_near(moment: datetime | None, now: datetime, most: timedelta) -> bool:
    """Return whether the two are less than ``most`` apart, in either order, as a clock may have
    been set back."""
    return moment is not None and abs(now - moment) < most


def _any_waits(queue: str, before: datetime | None = None) -> bool:
    """Return whether a job waits in ``queue``, enqueued at or before ``before``."""
    found = CoreJob.select(CoreJob.id).where((CoreJob.queue == queue) & is_waiting())
    if before is not None:
        found = found.where(CoreJob.created_at <= before)
    return bool(found.exists())
