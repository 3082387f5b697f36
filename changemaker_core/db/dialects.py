"""peewee's two databases as this project uses them: tracked, a column means the same on both."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

import peewee
import psycopg2.extensions

from changemaker_core.db.context import Unit, current_unit
from changemaker_core.db.folding import fold
from changemaker_core.db.postgresql.addresses import session_options
from changemaker_core.db.postgresql.copying import copy_rows
from changemaker_core.db.writes import PlainWrite, execute_many

Dialect = Literal["sqlite", "postgresql"]

#: How long SQLite itself waits for a lock that another program holds.
BUSY_SECONDS = 10.0
#: How long a process that migrates waits for another one that does.
EXCLUSIVE_SECONDS = 60.0

_UUID, _UUIDS, _JSON, _JSONB = 2950, 2951, 114, 3802  # PostgreSQL's type numbers (pg_type.dat)


class TrackedDatabase(peewee.Database):
    """A peewee database that reports each statement to the running unit of work."""

    def execute(self, query: Any, **options: Any) -> Any:
        """Run a query. A plain write whose SQL was built before is not built again."""
        compiled = query.compiled(self) if isinstance(query, PlainWrite) and not options else None
        if compiled is None:
            return super().execute(query, **options)  # type: ignore[no-untyped-call]  # peewee's stub
        return self.execute_sql(*compiled)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run one statement on this thread's connection."""
        unit = current_unit.get()
        if unit is None:
            return self._execute_cursor(sql, params, tracked=True)  # type: ignore[attr-defined]  # absent from peewee's stubs
        unit.note(sql, params)
        began = perf_counter()
        try:
            return self._execute_cursor(sql, params, tracked=True)  # type: ignore[attr-defined]  # absent from peewee's stubs
        finally:
            unit.took(perf_counter() - began, sql, params)

    def fetch(self, unit: Unit, sql: str, params: Any, name: str) -> Any:
        """Return all rows of the compiled query ``name``, which itself records what they were read
        from."""
        unit.note_write(sql, params)
        began = perf_counter()
        try:
            return self._execute_cursor(sql, params, tracked=True).fetchall()  # type: ignore[attr-defined]  # absent from peewee's stubs
        finally:
            unit.took(perf_counter() - began, sql, params, name)

    def raw(self) -> Any:
        """Return this thread's connection, as the driver made it, to code that tracks its use."""
        return super().connection()  # type: ignore[no-untyped-call]  # peewee's stub

    def connection(self) -> Any:
        """Return this thread's connection, as the driver made it.

        Its use is not seen: any table counts as written, unless ``tx.wrote`` says which.
        """
        self._note_direct()
        return self.raw()

    def cursor(self, named_cursor: Any = None, *, tracked: bool = False) -> Any:
        """Return a cursor of the driver, whose use is not seen, unless it is ``tracked``."""
        if not tracked:
            self._note_direct()
        return super().cursor(named_cursor)  # type: ignore[no-untyped-call]  # peewee's stub

    def _note_direct(self) -> None:
        unit = current_unit.get()
        if unit is not None and unit.database is self:
            unit.note_direct()

    def leave_transaction(self) -> None:
        """Undo ``push_transaction``."""
        self.pop_transaction()  # type: ignore[no-untyped-call]  # peewee's stub


class Sqlite(TrackedDatabase, peewee.SqliteDatabase):
    """A SQLite file. Each thread that connects has a connection of its own."""

    def __init__(self, path: str | None) -> None:
        super().__init__(
            path,
            field_types={"TIMESTAMPTZ": "TEXT"},
            pragmas={
                "synchronous": "FULL",
                "foreign_keys": 1,
                "temp_store": "MEMORY",
                "secure_delete": 1,  # what is erased is overwritten, also where it is not built in
            },
            timeout=BUSY_SECONDS,
            lock_type="IMMEDIATE",
            autoconnect=False,
            check_same_thread=False,
            cached_statements=512,
        )
        self.register_function(fold, "core_fold", 1, deterministic=True)

    #: Run a bulk insert; return how many rows were inserted or updated.
    insert_rows = execute_many

    def open_reader(self) -> Any:
        """Return a read-only connection, with peewee's functions, that is bound to no thread."""
        connection = self._connect()  # type: ignore[attr-defined]  # absent from peewee's stubs
        connection.execute("PRAGMA query_only = 1")
        return connection


class Postgresql(TrackedDatabase, peewee.PostgresqlDatabase):
    """A PostgreSQL database. Each thread that connects has a connection of its own."""

    def __init__(self, url: str | None) -> None:
        super().__init__(
            url,
            field_types={"FLOAT": "DOUBLE PRECISION"},  # REAL would lose digits that SQLite keeps
            autoconnect=False,
            **(session_options(url) if url else {}),
        )

    #: Run a bulk insert; return how many rows were inserted or updated.
    insert_rows = copy_rows

    def _initialize_connection(self, connection: Any) -> None:
        keep_as_text(connection)


def keep_as_text(connection: Any) -> None:
    """Make this connection leave ids and JSON as text.

    Without it, peewee makes ``uuid.UUID`` objects, and the driver parses JSON, slowly.
    """
    text = psycopg2.extensions.new_type((_UUID, _JSON, _JSONB), "TEXT", _as_it_is)
    psycopg2.extensions.register_type(text, connection)
    texts = psycopg2.extensions.new_array_type((_UUIDS,), "IDS", text)
    psycopg2.extensions.register_type(texts, connection)


def _as_it_is(value: Any, cursor: object) -> Any:
    return value


#: For building SQL without any connection.
COMPILERS: dict[Dialect, TrackedDatabase] = {"sqlite": Sqlite(None), "postgresql": Postgresql(None)}
