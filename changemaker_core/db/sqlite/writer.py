"""The one thread of a process that writes to SQLite."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import as_peewee_error
from changemaker_core.db.sqlite.versions import NO_COMMIT, has_versions, stamp_versions
from changemaker_core.db.tracking import NOTHING, merge
from changemaker_core.db.work import Turns, Work, check_usable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db.context import Unit
    from changemaker_core.db.dialects import Sqlite
    from changemaker_core.db.sqlite.filelock import FileLock
    from changemaker_core.db.tracking import Tags

#: How many writes share a commit at most, and how long other processes wait for them.
GROUP_SIZE = 100
GROUP_SECONDS = 0.02
_STOP_SECONDS = 10.0


class Writer:
    """Takes waiting writes together: each a savepoint, all of them one commit.

    Processes take turns by a file lock, since SQLite's own waiting lets a busy process starve the
    others. Answers are handed over after the commit, never before.
    """

    def __init__(
        self,
        database: Sqlite,
        lock: FileLock,
        prepare: Callable[[], None],
        committed: Callable[[list[Work], int], None],
        new_unit: Callable[[], Unit],
    ) -> None:
        self._database = database
        self._lock = lock
        self._prepare = prepare
        self._committed = committed
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._turns = Turns(self._queue.put)
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pid = os.getpid()
        self._new_unit = new_unit

    def submit(self, work: Work) -> None:
        """Queue ``work``; the thread starts with the first."""
        check_usable(self._closed, self._pid)
        self._turns.add(work)
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
        self._turns.end()
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
        works = [first]
        try:
            self._open()
            with self._lock.held():
                number = self._transaction(works, alone)
        except Exception as error:
            self._after_failure(works, as_peewee_error(error))
        else:
            self._committed(works, number)

    def _open(self) -> None:
        if self._database.is_closed():
            self._prepare()
            self._database.connect()

    def _after_failure(self, works: list[Work], error: Exception) -> None:
        """Nothing was committed. One alone is at fault; of several, each is done again alone."""
        if len(works) == 1:
            works[0].error = works[0].error or error
        self._committed([work for work in works if work.error is not None], NO_COMMIT)
        for work in works:
            if work.error is None:
                self._write(work, alone=True)

    def _transaction(self, works: list[Work], alone: bool) -> int:
        """Run the first of ``works`` and those that wait, which are added, in one transaction."""
        connection = self._database.connection()
        self._database.begin("IMMEDIATE")
        try:
            self._run(connection, works[0])
            for work in () if alone else self._waiting():
                works.append(work)
                self._run(connection, work)
            number = self._stamp(connection, works)
            self._database.commit()
        except BaseException:
            if connection.in_transaction:
                self._database.rollback()
            raise
        return number

    def _waiting(self) -> Iterator[Work]:
        """What is queued by now, within the bounds of a group."""
        until = time.monotonic() + GROUP_SECONDS
        for _ in range(GROUP_SIZE - 1):
            if time.monotonic() > until or self._queue.empty():
                return
            work = self._queue.get()
            if work is None:  # close(): end the group, and then the thread
                self._queue.put(None)
                return
            yield work

    def _run(self, connection: Any, work: Work) -> None:
        """Run one write in a savepoint. Its failure is its own, unless SQLite gave up on all."""
        if work.abandoned:
            return
        unit = self._new_unit()
        changes = connection.total_changes
        connection.execute("SAVEPOINT one_write")
        self._database.push_transaction(unit)
        try:
            work.run(unit)
        finally:
            self._database.leave_transaction()
        if not connection.in_transaction:  # a full disk, say: the whole was rolled back
            raise work.error or RuntimeError("the transaction was ended inside of a unit of work")
        if work.error is not None:
            connection.execute("ROLLBACK TO one_write")
        elif connection.total_changes != changes and not unit.changed:
            unit.everything = True  # written through a door that shows no SQL
        connection.execute("RELEASE one_write")

    def _stamp(self, connection: Any, works: list[Work]) -> int:
        written = merge(work.written for work in works)
        return NO_COMMIT if written == NOTHING else self.stamp(connection, written)

    def stamp(self, connection: Any, written: Tags) -> int:
        """Record a write for other processes; nothing before core's first migration."""
        return stamp_versions(connection, written) if has_versions(connection) else NO_COMMIT
