"""SQLite: readers on threads and in the event loop, and one thread that writes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.context import Unit
from changemaker_core.db.dialects import BUSY_SECONDS, EXCLUSIVE_SECONDS, Sqlite
from changemaker_core.db.errors import DatabaseClosed, as_peewee_error, chain
from changemaker_core.db.slow import SlowQueries
from changemaker_core.db.slow.plans import sqlite_plan
from changemaker_core.db.sqlite.errors import as_unavailable
from changemaker_core.db.sqlite.lock import FileLock
from changemaker_core.db.sqlite.preparing import prepare_file
from changemaker_core.db.sqlite.streams import SqliteSource
from changemaker_core.db.sqlite.versions import VersionWatcher, stamp_versions
from changemaker_core.db.sqlite.writer import Writer
from changemaker_core.db.threads import Pool
from changemaker_core.db.work import Work, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.tracking import Tags

logger = logging.getLogger(__name__)

READER_THREADS = 3
#: How long a compiled read may hold up the event loop.
LOOP_SECONDS = 0.001
#: Kilobytes of the file that the event loop's connection keeps, where the file has as many. In
#: SQLite's own 2,000 there is room for what a few hundred campaigns of a large site lie on.
LOOP_CACHE_KB = 24_000
#: For how long a query that took longer twice in a row runs on threads.
THREADS_SECONDS = 60.0
#: The clock is looked at after so many instructions of SQLite's machine: some 20 µs.
_LOOK_EVERY = 1000


class SqliteEngine:
    """The engine of one SQLite file."""

    dialect: Dialect = "sqlite"
    row_tags = True
    replicas = None

    def __init__(self, path: Path, notify: Callable[[Tags], None]) -> None:
        self._path = path
        self._notify = notify
        self._database = Sqlite(str(path))
        self._lock_path = path.with_name(path.name + ".lock")
        self._prepare_lock = threading.Lock()
        self._prepared = self._closed = False
        self.slow = SlowQueries(self._explain)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        #: Queries that were stopped when they last ran, and until when they run on threads.
        self._stopped: dict[Plan, float] = {}
        self._watcher = VersionWatcher(self._open_reader)
        self._pool = Pool("sqlite-reader", READER_THREADS, self._run_read, self._database.close)
        self._writer = Writer(
            self._database,
            FileLock(self._lock_path),
            self._prepare,
            self._unit,
            self._watcher,
            notify,
        )

    def _unit(self) -> Unit:
        return Unit(self._database, self, row_tags=self.row_tags, slow=self.slow)

    # Reading

    def read(self, work: Work) -> None:
        """Run ``work`` on a reader thread."""
        self._pool.submit(work)

    def _run_read(self, work: Work) -> None:
        if work.abandoned:
            return
        try:
            self._connect_reader()
            self._read_unit(work)
        except Exception as error:
            work.error = as_peewee_error(error)
        if work.error is not None:
            work.error = as_unavailable(work.error, writes=False)
        release((work,), self._notify)

    def _connect_reader(self) -> None:
        if self._database.is_closed():
            self._prepare()
            self._database.connect()
            self._database.execute_sql("PRAGMA query_only = 1")

    def _read_unit(self, work: Work) -> None:
        unit = self._unit()
        if not work.whole:
            return work.run(unit)
        self._database.begin("DEFERRED")
        self._database.push_transaction(unit)
        try:
            work.run(unit)
        finally:
            self._database.leave_transaction()
            self._database.rollback()
        return None

    # Reading in the event loop

    def fetch_now(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Return the rows; None where the query takes too long for the event loop."""
        if self._stopped and self._stopped.get(plan, 0.0) > time.monotonic():
            return None
        local = self._local
        try:
            connection: sqlite3.Connection = local.connection
        except AttributeError:
            connection = self._open_in_loop()
        local.deadline[0] = time.perf_counter() + LOOP_SECONDS
        try:
            rows = connection.execute(plan.sql, values).fetchall()
        except sqlite3.Error as error:
            # The driver's own complaints, about a value's type say, carry no code.
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                raise as_unavailable(as_peewee_error(error), writes=False) from error
            self._close_in_loop()
            self._record_stop(plan)
            return None
        if self._stopped:
            self._stopped.pop(plan, None)
        return plan.make_rows(values, rows, self.row_tags)

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any]:
        """Return the rows, from a reader thread."""
        work = plan.work(values, asyncio.get_running_loop())
        self.read(work)
        rows: list[Any] = await work.future
        return rows

    def open_stream(self, plan: Plan, values: list[Any], seconds: float) -> SqliteSource:
        """Return a read in parts, on a connection of its own."""
        if self._closed:
            raise DatabaseClosed
        self._prepare()
        return SqliteSource(self._database.open_reader(), plan, values, seconds)

    def _record_stop(self, plan: Plan) -> None:
        """Once, the machine may be busy; twice in a row, the query goes to threads for a while."""
        twice = plan in self._stopped
        self._stopped[plan] = time.monotonic() + THREADS_SECONDS if twice else 0.0
        logger.info("a read left the event loop after %s s: %s", LOOP_SECONDS, plan.name)

    def _open_in_loop(self) -> sqlite3.Connection:
        connection = self._open_reader()
        connection.execute(f"PRAGMA cache_size = -{LOOP_CACHE_KB}")
        deadline = self._local.deadline = [0.0]
        clock = time.perf_counter
        # The clock and not the count: the counter of instructions runs on between statements.
        connection.set_progress_handler(lambda: clock() > deadline[0], _LOOK_EVERY)
        self._local.connection = connection
        return connection

    def _close_in_loop(self) -> None:
        """Close this thread's connection; the next query opens another.

        NOTE(stopped): Python takes a statement that was stopped between two rows for one that is
        still in use, and from then on prepares it again for each of its runs, at twice the cost.
        """
        connection: sqlite3.Connection = self._local.connection
        del self._local.connection
        self._readers.remove(connection)
        connection.close()

    def _open_reader(self) -> sqlite3.Connection:
        if self._closed:
            raise DatabaseClosed
        self._prepare()
        connection: sqlite3.Connection = self._database.open_reader()
        self._readers.append(connection)
        return connection

    def _explain(self, sql: str, values: Any) -> str:
        with closing(self._database.open_reader()) as connection:
            return sqlite_plan(connection.execute(f"EXPLAIN QUERY PLAN {sql}", values or ()))

    # Writing

    def write(self, work: Work) -> None:
        """Queue ``work`` for the writer thread."""
        self._writer.submit(work)

    def is_unavailable(self, error: BaseException) -> bool:
        """Return whether the file cannot be used now. A full disk ends the whole transaction, so
        that what is raised last may be that a savepoint is gone."""
        return any(as_unavailable(each, writes=True) is not each for each in chain(error))

    def _prepare(self) -> None:
        """Switch the file to write-ahead logging, once in a process."""
        with self._prepare_lock:
            if self._prepared:
                return
            # Without the lock, several processes that start at once would find the file locked.
            with FileLock(self._lock_path) as lock, lock.held(within=BUSY_SECONDS):
                prepare_file(self._path)
            self._prepared = True

    # Other processes

    def check(self) -> Tags:
        """Return what others wrote since the last call: a pragma, and a read where it changed."""
        return self._watcher.check()

    async def latest_tokens(self) -> None:
        """Return None: SQLite has version numbers in the file, and no tokens."""

    def watch(self) -> None:
        """Take the present state as known."""
        self._watcher.check()

    def unwatch(self) -> None:
        """Do nothing: between checks, nothing listens."""

    @contextmanager
    def exclusive(self) -> Iterator[Sqlite]:
        """A connection of the calling thread while no other process writes."""
        self._prepare()
        with (
            FileLock(self._lock_path) as lock,
            lock.held(within=EXCLUSIVE_SECONDS),
            self._connected() as database,
        ):
            try:
                yield database
            finally:  # what came before a failure stays
                stamp_versions(database.raw(), None)
                self._notify(None)

    @contextmanager
    def shared(self) -> Iterator[Sqlite]:
        """A connection of the calling thread that can only read."""
        self._prepare()
        with self._connected() as database:
            database.execute_sql("PRAGMA query_only = 1")
            yield database

    @contextmanager
    def _connected(self) -> Iterator[Sqlite]:
        database = Sqlite(str(self._path))
        try:
            database.connect()
            yield database
        except (peewee.PeeweeException, sqlite3.Error) as error:
            if (unavailable := as_unavailable(error, writes=True)) is not error:
                raise unavailable from error
            raise
        finally:
            database.close()

    def close(self) -> None:
        """Finish queued work, end the threads, close all connections."""
        self._closed = True
        self._writer.close()
        self._pool.close()
        self.slow.close()
        for connection in self._readers:
            connection.close()
        self._readers.clear()
