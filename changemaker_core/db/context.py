"""The running unit of work: its database, and a record of what it reads and writes."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import OutsideUnitOfWork
from changemaker_core.db.slow.queries import NOT_LOGGED, Statement
from changemaker_core.db.tracking import (
    known_tables,
    merge,
    statement_reads,
    statement_writes,
    tables_written,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import peewee

    from changemaker_core.db.slow import SlowQueries
    from changemaker_core.db.tracking import Tags

#: Where it holds a set, queries add the tags of the tables, or rows of tables, that they read.
read_tags: ContextVar[set[str] | None] = ContextVar("read_tags", default=None)


class Unit:
    """One running unit of work: its database, and what it wrote so far.

    ``owner`` is the engine that runs it. Tags of what it reads and writes are tables only unless
    ``row_tags``. ``after`` is called after its commit. ``slow`` logs what takes long.
    """

    __slots__ = (
        "after",
        "changed",
        "database",
        "declared",
        "direct",
        "everything",
        "in_database",
        "owner",
        "row_tags",
        "slow",
        "slowest",
        "slowest_seconds",
        "statements",
    )

    def __init__(
        self,
        database: peewee.Database,
        owner: object = None,
        *,
        row_tags: bool = True,
        slow: SlowQueries = NOT_LOGGED,
    ) -> None:
        self.database = database
        self.owner = owner
        self.row_tags = row_tags
        self.changed: set[str] = set()
        self.everything = False
        #: Whether the driver's connection was handed out, past which nothing is seen; and whether
        #: the code that used it has declared what it wrote.
        self.direct = self.declared = False
        self.after: list[Callable[[], None]] = []
        self.slow = slow
        #: How many statements it ran, and for how many seconds.
        self.statements = 0
        self.in_database = self.slowest_seconds = 0.0
        self.slowest: Statement | None = None

    @property
    def written(self) -> Tags:
        """What was written so far; None where it may be anything."""
        if self.everything or (self.direct and not self.declared):
            return None
        return merge((frozenset(self.changed),))

    def note(self, sql: str, values: Any) -> None:
        """Record what a statement that is about to run reads and writes."""
        self.note_write(sql, values)
        collector = read_tags.get()
        if collector is not None:
            collector |= statement_reads(sql).tables

    def note_write(self, sql: str, values: Any) -> None:
        """Record what a statement that is about to run writes."""
        written = statement_writes(sql, values if self.row_tags else None)
        if written is None:
            self.everything = True
        elif written:
            self.changed |= written

    def took(self, seconds: float, sql: str, values: Any, name: str = "") -> None:
        """Record how long a statement took, and log it where that was long."""
        self.statements += 1
        self.in_database += seconds
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = seconds, Statement(sql, values, name)
        if seconds > self.slow.seconds:
            self.slow.statement(Statement(sql, values, name), seconds)

    def bulk_took(self, seconds: float, table: str, rows: int) -> None:
        """Record how long a bulk insert took, and log it where that was long."""
        self.statements += 1
        self.in_database += seconds
        if seconds > self.slow.seconds:
            self.slowest_seconds, self.slowest = seconds, None
            self.slow.bulk(table, rows, seconds)

    def ended(self, seconds: float, name: str) -> None:
        """Log the unit of work where it took long, and no statement of it was logged."""
        if self.slowest_seconds <= self.slow.seconds < seconds:
            self.slow.unit(name, seconds, self.statements, self.in_database, self.slowest)

    def note_direct(self) -> None:
        """Record that the driver's connection is handed out: any table may be read and written."""
        self.direct = True
        collector = read_tags.get()
        if collector is not None:
            collector |= known_tables()

    def declare(self, tables: Iterable[str]) -> None:
        """Record that ``tables`` are all that is written on the driver's connection."""
        self.declared = True
        self.changed |= tables_written(tables)


current_unit: ContextVar[Unit | None] = ContextVar("current_unit", default=None)


def require_unit(what: str) -> Unit:
    """Return the running unit of work; raise ``OutsideUnitOfWork`` ("``what`` outside of …")."""
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
