"""A long read of PostgreSQL: a cursor of the server, on a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.errors

from changemaker_core.db.errors import DatabaseUnavailable, as_peewee_error
from changemaker_core.db.postgresql.errors import as_unavailable

if TYPE_CHECKING:
    from changemaker_core.db.reads.plans import Plan


class PostgresqlSource:
    """The rows of one statement, in one snapshot. ``connection`` is closed at the end."""

    def __init__(self, connection: Any, plan: Plan, values: list[Any], seconds: float) -> None:
        self._connection = connection
        self._cursor: Any = None
        self._statement = plan.sql, values
        self._milliseconds = int(seconds * 1000)

    def fetch(self, count: int) -> list[Any]:
        """Return the next rows."""
        try:
            if self._cursor is None:
                begin = "BEGIN READ ONLY; SET LOCAL statement_timeout = %s"
                self._connection.cursor().execute(begin, (self._milliseconds,))
                self._cursor = self._connection.cursor("changemaker_stream", withhold=True)
                self._cursor.execute(*self._statement)
            rows: list[Any] = self._cursor.fetchmany(count)
            return rows
        except psycopg2.errors.QueryCanceled as error:
            raise DatabaseUnavailable("the export took too long") from error
        except psycopg2.Error as error:
            lost = self._connection.closed != 0
            raise as_unavailable(as_peewee_error(error), lost, writes=False) from error

    def close(self) -> None:
        """Close the connection, which ends its transaction."""
        self._connection.close()
