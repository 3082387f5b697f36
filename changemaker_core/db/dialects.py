"""peewee's two databases, as this project uses them: one meaning of a column on both."""

from __future__ import annotations

from typing import Any, Literal

import peewee
import psycopg2.extensions

from changemaker_core.db.context import Observed
from changemaker_core.db.postgresql.link import session

Dialect = Literal["sqlite", "postgresql"]

#: How long SQLite itself waits for a lock that something else than this project holds.
BUSY_SECONDS = 10.0

_UUID, _UUIDS, _JSON, _JSONB = 2950, 2951, 114, 3802  # PostgreSQL's type numbers (pg_type.dat)


class Sqlite(Observed, peewee.SqliteDatabase):
    """A SQLite file. Each thread that connects has a connection of its own."""

    def __init__(self, path: str | None) -> None:
        super().__init__(
            path,
            field_types={"TIMESTAMPTZ": "TEXT"},
            pragmas={"synchronous": "FULL", "foreign_keys": 1, "temp_store": "MEMORY"},
            timeout=BUSY_SECONDS,
            lock_type="IMMEDIATE",
            autoconnect=False,
            check_same_thread=False,
            cached_statements=512,
        )

    def open_reader(self) -> Any:
        """A connection that is not this thread's, with peewee's functions, that cannot write."""
        connection = self._connect()  # type: ignore[attr-defined]  # absent from peewee's stubs
        connection.execute("PRAGMA query_only = 1")
        return connection


class Postgresql(Observed, peewee.PostgresqlDatabase):
    """A PostgreSQL database. Each thread that connects has a connection of its own."""

    def __init__(self, url: str | None) -> None:
        super().__init__(
            url,
            field_types={"FLOAT": "DOUBLE PRECISION"},  # REAL would lose digits that SQLite keeps
            autoconnect=False,
            **(session(url) if url else {}),
        )

    def _initialize_connection(self, connection: Any) -> None:
        keep_as_text(connection)


def keep_as_text(connection: Any) -> None:
    """Have this connection leave ids and JSON as text.

    For the whole process, peewee makes ``uuid.UUID`` objects, and the driver parses JSON, slowly.
    """
    text = psycopg2.extensions.new_type((_UUID, _JSON, _JSONB), "TEXT", _as_it_is)
    psycopg2.extensions.register_type(text, connection)
    texts = psycopg2.extensions.new_array_type((_UUIDS,), "IDS", text)
    psycopg2.extensions.register_type(texts, connection)


def _as_it_is(value: Any, cursor: object) -> Any:
    return value


#: For building SQL without any connection.
COMPILERS: dict[Dialect, Observed] = {"sqlite": Sqlite(None), "postgresql": Postgresql(None)}
