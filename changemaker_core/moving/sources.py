"""Read a database while nothing is written to it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.context import Unit, running
from changemaker_core.db.dialects import BUSY_SECONDS
from changemaker_core.db.sqlite.lock import FileLock
from changemaker_core.moving.errors import MoveError
from changemaker_core.moving.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.db import Database

#: Rows that are in memory at once.
_ROWS = 1000
#: Seconds for which PostgreSQL may still list a connection that was just closed.
_LINGER = 2.0
_STOP = "Stop it first (`systemctl stop changemaker`): what it writes meanwhile would be lost."
_OTHERS = """
SELECT pid, application_name, coalesce(host(client_addr), 'this machine') FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND starts_with(application_name, 'changemaker') LIMIT 1"""


class Source:
    """One moment of a database, and its tables."""

    def __init__(self, database: Any, *, is_sqlite: bool) -> None:
        self.database: peewee.Database = database
        self._unit = Unit(database)
        self._is_sqlite = is_sqlite

    def rows(self, model: type[peewee.Model]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table as the driver returns them, by columns of ``fields_of``."""
        names = ", ".join(quoted(field.column_name) for field in fields_of(model))
        select = f"SELECT {names} FROM {quoted(model._meta.table_name)}"  # noqa: S608  # names, quoted
        if self._is_sqlite:
            cursor: Any = self.database.execute_sql(select)
            while rows := cursor.fetchmany(_ROWS):
                yield from rows
            return
        self.database.execute_sql(f"DECLARE changemaker_move NO SCROLL CURSOR FOR {select}")
        fetch = f"FETCH {_ROWS} FROM changemaker_move"
        while rows := self.database.execute_sql(fetch).fetchall():
            yield from rows
        self.database.execute_sql("CLOSE changemaker_move")

    def running(self) -> contextlib.AbstractContextManager[Unit]:
        """Return a context manager in which values of columns are those of this database."""
        return running(self._unit)


def fields_of(model: type[peewee.Model]) -> list[Any]:
    """Return the columns of a model in their order."""
    return list(model._meta.sorted_fields)


def refuse_running(path: Path) -> None:
    """Raise ``MoveError`` where a process has the SQLite database open.

    To be called before this process opens it: SQLite lets the only user of a file lock it whole.
    """
    if not path.is_file():
        raise MoveError(f"The database {path} does not exist.")
    with contextlib.closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as only:
        try:
            only.execute("PRAGMA locking_mode = EXCLUSIVE")
            only.execute("BEGIN EXCLUSIVE")
            only.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise MoveError(f"A process of the site has the database open. {_STOP}") from None


@contextlib.contextmanager
def opened_source(db: Database, path: Path | None, *, locked: bool) -> Iterator[Source]:
    """Read a database at one moment; ``locked``, with nobody writing to it meanwhile.

    ``path`` is that of a SQLite file. Raises ``MoveError`` where it is to be locked, and the site
    runs.
    """
    with contextlib.ExitStack() as opened:
        if path is not None and locked:
            lock = opened.enter_context(FileLock(path.with_name(path.name + ".lock")))
            opened.enter_context(lock.held(within=BUSY_SECONDS))
        database = opened.enter_context(db.engine.shared())
        if path is not None:
            database.raw().text_factory = _text
            database.execute_sql("BEGIN")
            _refuse_orphans(database)
        else:
            if locked:
                _refuse_connected(database)
            tables = database.get_tables()
            database.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
            if locked:
                # First: the moment that is read is that of the first query, and is not to be one
                # before a write that the lock has waited for.
                _lock_tables(database, tables)
        yield Source(database, is_sqlite=path is not None)
        database.execute_sql("ROLLBACK")


def _text(value: bytes) -> str:
    """Return text, also where it is none: ``values`` reports it by table and row."""
    return value.decode(errors="surrogateescape")


def _refuse_orphans(database: Any) -> None:
    rows = database.execute_sql("PRAGMA foreign_key_check").fetchmany(3)
    if rows:
        named = "; ".join(
            f"row {row} of {table} refers to no row of {parent}" for table, row, parent, _ in rows
        )
        raise MoveError(f"The database is not consistent: {named}. Correct or delete these rows.")


def _refuse_connected(database: Any) -> None:
    until = time.monotonic() + _LINGER
    while (found := database.execute_sql(_OTHERS).fetchone()) and time.monotonic() < until:
        time.sleep(0.05)
    if found:
        pid, name, where = found
        raise MoveError(
            f"A process of the site is connected: {name}, PostgreSQL's process {pid}, from "
            f"{where}. {_STOP}"
        )


def _lock_tables(database: Any, tables: list[str]) -> None:
    """Keep everybody from writing to a table until the transaction ends."""
    names = ", ".join(map(quoted, tables))
    try:
        database.execute_sql(f"LOCK TABLE {names} IN SHARE MODE")
    except peewee.PeeweeException as error:
        raise MoveError(f"The database cannot be locked: {error}") from error
