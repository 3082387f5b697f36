"""Which database the code that runs here is working on: context variables and the proxy."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.errors import OutsideUnitOfWork
from changemaker_core.db.tracking.statements import tables_read, tags_written
from changemaker_core.db.tracking.tags import coarsened
from changemaker_core.db.writes.queries import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.identity.actor import Actor

#: What was written: tables, or rows of tables (see ``tags``); None when it may be anything.
Tables = frozenset[str] | None

#: Who is acting: set by the edge for a request and by the executor for a job.
current_actor: ContextVar[Actor | None] = ContextVar("current_actor", default=None)

#: Where it holds a set, queries add what they read: tables, or rows of tables (see ``tags``).
read_tables: ContextVar[set[str] | None] = ContextVar("read_tables", default=None)


class Unit:
    """One running unit of work: its database, and what it wrote so far."""

    __slots__ = ("changed", "database", "everything", "owner")

    def __init__(self, database: Observed, owner: object = None) -> None:
        self.database = database
        self.owner = owner
        self.changed: set[str] = set()
        self.everything = False

    @property
    def written(self) -> Tables:
        """What was written; None when that cannot be told, so it may be anything."""
        return None if self.everything else coarsened(frozenset(self.changed))

    def note(self, sql: str, values: Any) -> None:
        """Take notice of a statement that is about to run, and of what it reads."""
        self.note_write(sql, values)
        collector = read_tables.get()
        if collector is not None:
            collector |= tables_read(sql)

    def note_write(self, sql: str, values: Any) -> None:
        """Take notice of what a statement writes that is about to run."""
        written = tags_written(sql, values)
        if written is None:
            self.everything = True
        elif written:
            self.changed |= written


current_unit: ContextVar[Unit | None] = ContextVar("current_unit", default=None)


def require_unit(what: str) -> Unit:
    """The running unit of work; ``what`` was used is said in the error when there is none."""
    unit = current_unit.get()
    if unit is None:
        raise OutsideUnitOfWork(what)
    return unit


@contextmanager
def running(unit: Unit) -> Iterator[Unit]:
    """Make ``unit`` the one that models and bound queries work in."""
    token = current_unit.set(unit)
    try:
        yield unit
    finally:
        current_unit.reset(token)


class Observed(peewee.Database):
    """A peewee database that tells the running unit of work about each statement."""

    def execute(self, query: Any, **options: Any) -> Any:
        """Run a query. The SQL of a model's plain write was built by an earlier one."""
        kept = query.kept(self) if isinstance(query, Kept) and not options else None
        if kept is None:
            return super().execute(query, **options)  # type: ignore[no-untyped-call]  # peewee's stub
        return self.execute_sql(*kept)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run one statement on this thread's connection."""
        unit = current_unit.get()
        if unit is not None:
            unit.note(sql, params)
        return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]  # peewee's stub

    def fetch(self, sql: str, params: Any) -> Any:
        """All rows of a compiled query. What they were read from is noted by whoever asks."""
        unit = current_unit.get()
        if unit is not None:
            unit.note_write(sql, params)
        cursor = super().execute_sql(sql, params)  # type: ignore[no-untyped-call]  # peewee's stub
        return cursor.fetchall()

    def connection(self) -> Any:
        """This thread's connection, as the driver made it."""
        return super().connection()  # type: ignore[no-untyped-call]  # peewee's stub

    def leave_transaction(self) -> None:
        """Undo ``push_transaction``."""
        self.pop_transaction()  # type: ignore[no-untyped-call]  # peewee's stub


class CurrentDatabase(peewee.DatabaseProxy):
    """Every model's ``Meta.database``: whichever database the running unit of work is on.

    Outside of a unit of work it raises, so a model can never meet another site's database.
    """

    def __init__(self) -> None:
        self._callbacks: list[Any] = []

    @property
    def obj(self) -> peewee.Database | None:
        unit = current_unit.get()
        return None if unit is None else unit.database

    @obj.setter
    def obj(self, value: object) -> None:
        raise TypeError("the current database follows the unit of work; it cannot be set")

    def connection(self) -> Any:
        """The driver's connection. What it is used for cannot be seen: assume all tables."""
        return self._unseen().connection()

    def cursor(self, named_cursor: Any = None) -> Any:
        """A driver's cursor. What it is used for cannot be seen: assume all tables."""
        return self._unseen().cursor(named_cursor)

    def _unseen(self) -> peewee.Database:
        unit = require_unit("A connection was used")
        unit.everything = True
        return unit.database

    def __getattr__(self, attr: str) -> Any:
        unit = current_unit.get()
        if unit is not None:
            return getattr(unit.database, attr)
        if attr.startswith("__"):
            raise AttributeError(attr)  # copy and inspect look for these
        raise OutsideUnitOfWork
