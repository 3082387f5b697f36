"""The one thread of a process that writes to SQLite."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.errors import DatabaseUnavailable, as_peewee_error
from changemaker_core.db.sqlite.errors import as_unavailable
from changemaker_core.db.sqlite.versions import NO_COMMIT, stamp_versions
from changemaker_core.db.threads import LoopBatches, check_usable
from changemaker_core.db.tracking import NOTHING, merge
from changemaker_core.db.work import Work, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db.context import Unit
    from changemaker_core.db.dialects import Sqlite
    from changemaker_core.db.sqlite.lock import FileLock
    from changemaker_core.db.sqlite.versions import VersionWatcher
    from changemaker_core.db.tracking import Tags

logger = logging.getLogger(__name__)

#: How many writes share a commit at most, and for how long they keep other processes waiting.
GROUP_SIZE = 100
GROUP_SECONDS = 0.02
_STOP_SECONDS = 10.0


class Writer:
    """Runs writes that wait at the same time in one transaction.

    The first runs bare: if it fails, the transaction is rolled back. Each other one has a
    savepoint, whose journal makes large writes slower. Processes take turns by a file lock, since
    SQLite's own waiting lets a busy process starve the others. Results are handed over after the
    commit, never before.
    """

    def __init__(
        self,
        database: Sqlite,
        lock: FileLock,
        prepare: Callable[[], None],
        new_unit: Callable[[], Unit],
        watcher: VersionWatcher,
        notify: Callable[[Tags], None],
    ) -> None:
        self._database = database
        self._lock = lock
        self._prepare = prepare
        self._new_unit = new_unit
        self._watcher = watcher
        self._notify = notify
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._batches = LoopBatches(self._queue.put)
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        #: The write for which the thread waits for its turn, until it has it or gives it up.
        self._next: Work | None = None
        self._next_lock = threading.Lock()
        self._pid = os.getpid()

    def submit(self, work: Work) -> None:
        """Queue ``work``; the thread starts with the first."""
        check_usable(self._closed, self._pid)
        self._batches.add(work)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="sqlite-writer", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        self._closed = True
        self._batches.flush()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_STOP_SECONDS)

    def _loop(self) -> None:
        try:
            while (work := self._queue.get()) is not None:
                self._write(work, alone=False)
                del work
        finally:
            self._database.close()
            self._lock.close()

    def _write(self, first: Work, *, alone: bool) -> None:
        """Run the first write and, unless ``alone``, those that wait; commit; hand over results."""
        works: list[Work] = []
        try:
            if self._database.is_closed():
                self._prepare()
                self._database.connect()
                # What a savepoint remembers of a large write does not belong into memory.
                self._database.execute_sql("PRAGMA temp_store = FILE")
            self._next = first
            with self._lock.held(self._give_up):
                if self._claim_next() is None:
                    return
                number = self._transaction(first, works, alone)
        except Exception as error:
            self._after_failure(works or [first], as_peewee_error(error))
        else:
            self._watcher.expect(number)
            self._release(works)

    def _claim_next(self) -> Work | None:
        with self._next_lock:
            work, self._next = self._next, None
            return work

    def _give_up(self) -> None:
        """End all writes that wait, since another process does not give up its turn."""
        works = [work] if (work := self._claim_next()) is not None else []
        while not self._queue.empty():
            if (work := self._queue.get()) is None:
                self._queue.put(None)
                break
            works.append(work)
        if works:
            message = "another process keeps the turn to write (%s): %d writes failed"
            logger.error(message, self._lock.holder(), len(works))
        for work in works:
            work.error = DatabaseUnavailable("another process keeps the turn to write")
        release(works, self._notify)

    def _release(self, works: list[Work]) -> None:
        for work in works:
            if work.error is not None:
                work.error = as_unavailable(work.error, writes=True)
        release(works, self._notify)

    def _after_failure(self, works: list[Work], error: Exception) -> None:
        """Nothing was committed. A single write is at fault; of several, each runs again alone."""
        if len(works) == 1:
            works[0].error = works[0].error or error
        self._release([work for work in works if work.error is not None])
        for work in works:
            if work.error is None:
                self._write(work, alone=True)

    def _transaction(self, first: Work, works: list[Work], alone: bool) -> int:
        """Run writes in one transaction, and add them to ``works``; return the commit's number."""
        connection = self._database.raw()
        self._database.begin("IMMEDIATE")
        try:
            for work in [first] if alone else self._group(first):
                works.append(work)
                if not work.abandoned:
                    self._run(connection, work, bare=len(works) == 1)
            written = merge(work.written for work in works)
            number = NO_COMMIT if written == NOTHING else stamp_versions(connection, written)
            self._database.commit()
        except BaseException:
            if connection.in_transaction:
                self._database.rollback()
            raise
        return number

    def _group(self, first: Work) -> Iterator[Work]:
        """Yield the first write and what is queued by now, within the bounds of a group."""
        yield first
        until = time.monotonic() + GROUP_SECONDS
        for _ in range(GROUP_SIZE - 1):
            if time.monotonic() > until or self._queue.empty():
                return
            work = self._queue.get()
            if work is None:  # close(): end the group, and then the thread
                self._queue.put(None)
                return
            yield work

    def _run(self, connection: Any, work: Work, *, bare: bool) -> None:
        """Run one write, in a savepoint unless it is ``bare``.

        Raises an error where the transaction cannot go on.
        """
        unit = self._new_unit()
        changes = connection.total_changes
        if not bare:
            connection.execute("SAVEPOINT one_write")
        self._database.push_transaction(unit)
        try:
            work.run(unit)
        finally:
            self._database.leave_transaction()
        if not connection.in_transaction:  # a full disk, say: the whole was rolled back
            raise peewee.InternalError("the transaction was ended inside of a unit of work")
        if work.error is not None:
            if bare:
                raise peewee.InternalError("the first write failed") from work.error
            connection.execute("ROLLBACK TO one_write")
        elif connection.total_changes != changes and not (unit.changed or unit.declared):
            unit.everything = True  # written past peewee, so that no SQL was seen
        if not bare:
            connection.execute("RELEASE one_write")
