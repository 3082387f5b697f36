"""PostgreSQL: threads for units of work, and connections of event loops for compiled reads."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from changemaker_core.db.context import Unit
from changemaker_core.db.dialects import EXCLUSIVE_SECONDS, Postgresql, keep_as_text
from changemaker_core.db.errors import DatabaseRefused, DatabaseUnavailable, chain
from changemaker_core.db.postgresql.addresses import connect_seconds, session_options
from changemaker_core.db.postgresql.async_reads import AsyncReads
from changemaker_core.db.postgresql.connections import ThreadConnections
from changemaker_core.db.postgresql.control import ControlConnection
from changemaker_core.db.postgresql.errors import as_unavailable, message_of, sqlstate
from changemaker_core.db.postgresql.listener import CHANNEL, Listener
from changemaker_core.db.postgresql.notifications import Note
from changemaker_core.db.postgresql.replicas import Replicas
from changemaker_core.db.postgresql.streams import PostgresqlSource
from changemaker_core.db.slow import SlowQueries
from changemaker_core.db.slow.plans import postgresql_plan
from changemaker_core.db.threads import Pool
from changemaker_core.db.tracking import NOTHING
from changemaker_core.db.work import Work, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.postgresql.notifications import Tokens
    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.tracking import Tags

#: How many rows are made before others have a turn: a fraction of a millisecond.
ROWS_A_TURN = 200
#: "cm migrate", as the number of an advisory lock.
MIGRATION_LOCK = 0x636D_6D69
#: How long connecting and each step of explaining a statement may take.
EXPLAIN_SECONDS = 5.0
_EXPLAINING = "BEGIN READ ONLY; SET LOCAL lock_timeout = 1000; SET LOCAL statement_timeout = 5000"
#: SQLSTATE lock_not_available.
_LOCK_TIMEOUT = "55P03"
_HOLDER = """
SELECT pid, coalesce(nullif(application_name, ''), 'unknown'), coalesce(host(client_addr), 'here')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND objid = %s AND granted
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class PostgresqlEngine:
    """The engine of one PostgreSQL database, and of its read replicas."""

    dialect: Dialect = "postgresql"
    row_tags = True

    def __init__(
        self,
        url: str,
        notify: Callable[[Tags], None],
        read_urls: tuple[str, ...],
        pools: PoolSettings,
    ) -> None:
        self._url = url
        self._notify = notify
        self._connections = ThreadConnections(url)
        self._database = self._connections.database
        self._commits = OwnCommits()
        self.slow = SlowQueries(self._explain)
        self._pool = Pool(
            "postgresql", pools.threads, self._run, self._connections.close, pools.idle_seconds
        )
        self.listener = Listener(url, self._commits.token, self._commits.has, notify)
        seconds = connect_seconds(url)
        self._async_reads = AsyncReads(url, pools, seconds, self.slow, repeats=True)
        self.replicas = Replicas(read_urls, self.listener, pools, self.slow) if read_urls else None

    def _unit(self) -> Unit:
        return Unit(self._database, self, row_tags=self.row_tags, slow=self.slow)

    def read(self, work: Work) -> None:
        """Run ``work`` on a free thread; once more if its connection turns out to be lost."""
        self._pool.submit(work)

    def write(self, work: Work) -> None:
        """Run ``work`` on a free thread, once."""
        self._pool.submit(work)

    def is_unavailable(self, error: BaseException) -> bool:
        """Return whether the connection of the calling thread is lost, or the server cannot do now
        what it was asked: a lock was not free, say."""
        as_unavailable = self._connections.as_unavailable
        return any(as_unavailable(each, writes=True) is not each for each in chain(error))

    def fetch_now(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Return None: a response of PostgreSQL has to be awaited."""
        return None

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any]:
        """Return the rows, read by the running loop from a replica or the primary."""
        fetched = None
        if self.replicas is not None:
            fetched = await self.replicas.fetch(plan, values)
        if fetched is None:
            fetched = await self._async_reads.fetch(plan, values)
        if fetched is None:  # asyncpg cannot read it as psycopg2 would
            work = plan.work(values, asyncio.get_running_loop())
            self.read(work)
            rows: list[Any] = await work.future
            return rows
        if len(fetched) <= ROWS_A_TURN:
            return plan.make_rows(values, fetched, self.row_tags)
        return await self._rows_in_turns(plan, values, fetched)

    async def _rows_in_turns(
        self, plan: Plan, values: list[Any], fetched: list[tuple[Any, ...]]
    ) -> list[Any]:
        """Return typed rows, of many, made while other tasks have their turns as well."""
        rows: list[Any] = []
        for start in range(0, len(fetched), ROWS_A_TURN):
            part = fetched[start : start + ROWS_A_TURN]
            rows += plan.make_rows(values, part, self.row_tags)
            await asyncio.sleep(0)
        return rows

    def open_stream(self, plan: Plan, values: list[Any], seconds: float) -> PostgresqlSource:
        """Return a read in parts, on a connection of its own to the primary."""
        try:
            connection = psycopg2.connect(self._url, **session_options(self._url))
        except psycopg2.Error as error:
            raise DatabaseUnavailable(message_of(error)) from error
        connection.autocommit = True
        keep_as_text(connection)
        return PostgresqlSource(connection, plan, values, seconds)

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
        if work.error is not None:
            work.error = self._connections.as_unavailable(work.error, writes=work.writes)
        release((work,), self._notify)

    # Reading

    def _read(self, work: Work) -> None:
        self._read_once(work)
        if work.error is not None and self._connections.is_lost():
            self._read_once(work)

    def _read_once(self, work: Work) -> None:
        self._connections.connect()
        if not work.whole:
            work.run(self._unit())
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
        unit = self._unit()
        self._database.push_transaction(unit)
        try:
            work.run(unit)
        finally:
            self._database.leave_transaction()
        return unit

    def _explain(self, sql: str, values: Any) -> str:
        """Return a plan without running the statement, from a connection for this alone."""
        with ControlConnection(self._url, "changemaker plans", EXPLAIN_SECONDS) as connection:
            connection.query(_EXPLAINING, seconds=EXPLAIN_SECONDS)
            rows = connection.query(f"EXPLAIN {sql}", values or (), seconds=EXPLAIN_SECONDS)
            return postgresql_plan(rows)

    # Writing

    def _write(self, work: Work) -> None:
        self._connections.connect()
        self._database.begin_with_next()
        unit = self._inside(work)
        if not self._database.has_begun():
            return
        if work.error is not None:
            self._rollback()
            return
        try:
            self._check_sound()
            self._commit(unit)
        except Exception:
            self._rollback()
            raise

    def _check_sound(self) -> None:
        """Raise where a statement failed: COMMIT would roll back and report success."""
        if self._connections.raw().get_transaction_status() == TRANSACTION_STATUS_INERROR:
            raise peewee.InternalError(
                "a database error was caught, and PostgreSQL refuses the rest of the"
                " transaction; catch it outside of `with tx.savepoint():`"
            )

    def _commit(self, unit: Unit) -> None:
        """Commit and notify other processes, in one round trip."""
        if unit.written == NOTHING:
            self._database.commit()
            return
        note = Note(self._commits.token(), unit.written)
        try:
            sql = "SELECT pg_notify(%s, %s); COMMIT"
            self._database.execute_sql(sql, (CHANNEL, note.write()))
        except Exception:
            # NOTE(in doubt): if the connection was lost, it may be committed, now or in a moment.
            self._commits.doubt(note.token)
            self._notify(unit.written)
            raise

    def _rollback(self) -> None:
        if not self._connections.is_lost():
            self._database.rollback()

    # Other processes

    def check(self) -> Tags:
        """Return no tables, since notifications arrive by themselves; None (any) while cut off."""
        return None if self.listener.is_cut_off else NOTHING

    async def latest_tokens(self) -> Tokens | None:
        """Return the listener's tokens when it has caught up; None while it is cut off."""
        return self.listener.notified.tokens if await self.listener.caught_up() else None

    def watch(self) -> None:
        """Start to listen. Returns when no notification can be missed any more."""
        self.listener.start()
        if self.replicas is not None:
            self.replicas.start()

    def unwatch(self) -> None:
        """Stop listening."""
        if self.replicas is not None:
            self.replicas.stop()
        self.listener.stop()

    @contextmanager
    def exclusive(self) -> Iterator[Postgresql]:
        """Connect the calling thread, under an advisory lock of the database."""
        with self.shared() as database:
            take_migration_lock(database)
            database.execute_sql("SET lock_timeout = 0")
            try:
                yield database
            finally:  # what came before a failure stays
                note = Note(self._commits.token(), None).write()
                database.execute_sql("SELECT pg_notify(%s, %s)", (CHANNEL, note))
                self._notify(None)

    @contextmanager
    def shared(self) -> Iterator[Postgresql]:
        """Connect the calling thread; the end of the connection frees its locks."""
        database = Postgresql(self._url)
        database.connect()
        try:
            refuse_encoding(database)
            yield database
        finally:
            database.close()

    def close(self) -> None:
        """Finish submitted work and reads, then end the threads and the listener."""
        if self.replicas is not None:
            self.replicas.close()  # what they cannot finish, the primary does
        self._async_reads.close()
        self._pool.close()
        self.listener.stop()
        self.slow.close()


def refuse_encoding(database: Postgresql) -> None:
    """Raise ``DatabaseRefused`` for a database that cannot store the names of all people."""
    encoding = database.connection().info.parameter_status("server_encoding")
    if encoding not in ("UTF8", None):  # None: a pooler may not pass it on
        name = database.connection().info.dbname
        raise DatabaseRefused(
            f"The database {name} stores text in the encoding {encoding}: the names and messages "
            "of many people do not fit into it.\n"
            "Create another one, and set database_url to it: `createdb --encoding=UTF8 "
            "--locale=C.UTF-8 --template=template0 NAME`"
        )


def take_migration_lock(database: Postgresql) -> None:
    """Take the lock until the connection ends.

    Raise ``DatabaseUnavailable`` with its holder where it is not released in time.
    """
    database.execute_sql(f"SET lock_timeout = {round(EXCLUSIVE_SECONDS * 1000)}")
    try:
        database.execute_sql("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
    except peewee.OperationalError as error:
        if sqlstate(error) != _LOCK_TIMEOUT:
            is_lost = bool(database.connection().closed)
            raise as_unavailable(error, is_lost, writes=True) from error.__cause__
        found = database.execute_sql(_HOLDER, (MIGRATION_LOCK,)).fetchone()
        holder = "PostgreSQL's process {} ({}, from {})".format(*found) if found else "Another one"
        raise DatabaseUnavailable(
            f"{holder} is migrating this database, and has not finished within "
            f"{EXCLUSIVE_SECONDS:g} s"
        ) from error


class OwnCommits:
    """Tokens of this process's commits, by which it recognises their notifications.

    Its own subscribers were notified when the commit returned, so the notification is ignored,
    unless it is in doubt whether and when the commit was made.
    """

    def __init__(self) -> None:
        self._prefix = secrets.token_urlsafe(9)
        self._count = itertools.count(1)
        self._in_doubt: set[str] = set()

    def token(self) -> str:
        """Return a token that no other commit has."""
        return f"{self._prefix}.{next(self._count)}"

    def doubt(self, token: str) -> None:
        """Have the notification under ``token`` count, if it comes."""
        self._in_doubt.add(token)

    def has(self, token: str) -> bool:
        """Return whether ``token`` is of a commit of this process that is not in doubt."""
        return token.startswith(self._prefix + ".") and token not in self._in_doubt
