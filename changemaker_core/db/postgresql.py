"""PostgreSQL: a bounded number of threads, each with one connection that it keeps."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from changemaker_core.db.context import Unit
from changemaker_core.db.dialects import Postgresql
from changemaker_core.db.postgresql_listener import ANY_TABLE, CHANNEL, Listener
from changemaker_core.db.work import NOTHING, Pool, Work, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db.context import Tables
    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.plans import Plan

#: Threads, and so connections, of one process.
CONNECTIONS = 8
#: "cm migrate", as the number of an advisory lock.
MIGRATION_LOCK = 0x636D_6D69
_PAYLOAD_BYTES = 7_900  # PostgreSQL's limit of a notification is 8,000


class PostgresqlEngine:
    """The engine of one PostgreSQL database."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, announce: Callable[[Tables], None]) -> None:
        self._url = url
        self._announce = announce
        self._database = Postgresql(url)
        self._own_pids: set[int] = set()
        self._pool = Pool("postgresql", CONNECTIONS, self._run, self._leave)
        self._listener = Listener(url, self._own_pids.__contains__, announce)

    def read(self, work: Work) -> None:
        """Run ``work`` on a free thread; again, once, if its connection turns out to be dead."""
        self._pool.submit(work)

    def write(self, work: Work) -> None:
        """Run ``work`` on a free thread, once."""
        work.writes = True
        self._pool.submit(work)

    def attempt(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Never: an answer of PostgreSQL has to be waited for."""
        return None

    def _run(self, work: Work) -> None:
        if work.abandoned:
            return
        try:
            if work.writes:
                self._write(work)
            else:
                self._read(work)
        except Exception as error:
            work.error = error
        release((work,), self._announce)

    # Reading

    def _read(self, work: Work) -> None:
        self._read_once(work)
        if work.error is not None and self._is_dead():
            self._read_once(work)

    def _read_once(self, work: Work) -> None:
        self._connect()
        if not work.whole:
            work.run(Unit(self._database, self))
            return
        try:
            self._database.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        except peewee.PeeweeException as error:
            work.error = error
            return
        self._inside(work)
        self._rollback()

    def _inside(self, work: Work) -> Unit:
        """Run ``work`` where peewee knows that a transaction is open."""
        unit = Unit(self._database, self)
        self._database.push_transaction(unit)
        try:
            work.run(unit)
        finally:
            self._database.leave_transaction()
        return unit

    # Writing

    def _write(self, work: Work) -> None:
        self._begin()
        unit = self._inside(work)
        if work.error is not None:
            self._rollback()
            return
        try:
            self._check_sound()
            self._commit(unit)
        except Exception:
            self._rollback()
            raise

    def _begin(self) -> None:
        """Begin a transaction. Nothing ran yet, so on a dead connection this may be repeated."""
        self._connect()
        try:
            self._database.begin()
        except (peewee.PeeweeException, psycopg2.Error):
            if not self._is_dead():
                raise
            self._connect()
            self._database.begin()

    def _check_sound(self) -> None:
        """COMMIT of a failed transaction rolls back and reports success."""
        if self._raw().get_transaction_status() == TRANSACTION_STATUS_INERROR:
            raise peewee.InternalError(
                "an error of the database was caught, and PostgreSQL refuses the rest of the"
                " transaction; catch it outside of `with tx.savepoint():`"
            )

    def _commit(self, unit: Unit) -> None:
        """Commit, and let other processes know: in one round trip."""
        if unit.written == NOTHING:
            self._database.commit()
        else:
            payload = notification(unit.written)
            self._database.execute_sql("SELECT pg_notify(%s, %s); COMMIT", (CHANNEL, payload))

    def _rollback(self) -> None:
        if not self._is_dead():
            self._database.rollback()

    # Connections

    def _raw(self) -> Any:
        return self._database.connection()

    def _is_dead(self) -> bool:
        """Whether this thread's connection is lost."""
        return self._database.is_closed() or self._raw().closed != 0

    def _connect(self) -> None:
        """Connect this thread, anew if its connection is lost."""
        if not self._database.is_closed():
            if self._raw().closed == 0:
                return
            self._database.close()
        self._database.connect()
        self._own_pids.add(self._raw().info.backend_pid)

    def _leave(self) -> None:
        self._database.close()

    # Other processes

    def check(self) -> Tables:
        """Nothing, since news arrives by itself; anything, while the listener is cut off."""
        return None if self._listener.is_deaf else NOTHING

    def watch(self) -> None:
        """Listen; returns when nothing more can be missed."""
        self._listener.start()

    def unwatch(self) -> None:
        """Stop listening."""
        self._listener.stop()

    @contextmanager
    def exclusive(self) -> Iterator[Postgresql]:
        """A connection of the calling thread under an advisory lock of the database."""
        with self.peek() as database:
            database.execute_sql("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            try:
                yield database
            finally:  # what came before a failure stays
                database.execute_sql("SELECT pg_notify(%s, %s)", (CHANNEL, ANY_TABLE))
                self._announce(None)

    @contextmanager
    def peek(self) -> Iterator[Postgresql]:
        """A connection of the calling thread; its end gives up all its locks."""
        database = Postgresql(self._url)
        database.connect()
        try:
            yield database
        finally:
            database.close()

    def close(self) -> None:
        """Finish submitted work, end the threads and the listener."""
        self._pool.close()
        self._listener.stop()


def notification(tables: Tables) -> str:
    """What is notified for a write to ``tables``."""
    if tables is None:
        return ANY_TABLE
    payload = ",".join(sorted(tables))
    return payload if len(payload.encode()) <= _PAYLOAD_BYTES else ANY_TABLE
