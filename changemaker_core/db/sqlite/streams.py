"""A long read of SQLite, on a connection of its own."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import DatabaseUnavailable, as_peewee_error
from changemaker_core.db.sqlite.errors import as_unavailable

if TYPE_CHECKING:
    from changemaker_core.db.reads.plans import Plan

#: The clock is looked at after so many instructions of SQLite's machine: a millisecond or less.
_LOOK_EVERY = 50_000


class SqliteSource:
    """The rows of one statement. It sees one state of the file, whose log grows until its end."""

    def __init__(
        self, connection: sqlite3.Connection, plan: Plan, values: list[Any], seconds: float
    ) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._statement = plan.sql, values
        until = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > until, _LOOK_EVERY)

    def fetch(self, count: int) -> list[Any]:
        """Return the next rows."""
        try:
            if self._cursor is None:
                self._cursor = self._connection.execute(*self._statement)
            return self._cursor.fetchmany(count)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise DatabaseUnavailable("the export took too long") from error
            raise as_unavailable(as_peewee_error(error), writes=False) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
