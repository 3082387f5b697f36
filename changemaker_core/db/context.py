"""The running unit of work: its database, and a record of what it reads and writes."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import OutsideUnitOfWork
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

    from changemaker_core.db.tracking import Tags

#: Where it holds a set, queries add the tags of the tables, or rows of tables, that they read.
read_tags: ContextVar[set[str] | None] = ContextVar("read_tags", default=None)


class Unit:
    """One running unit of work: its database, and what it wrote so far.

    ``owner`` is the engine that runs it. Tags of what it reads and writes are tables only unless
    ``row_tags``. ``after`` is called after its commit.
    """

    __slots__ = (
        "after",
        "changed",
        "database",
        "declared",
        "direct",
        "everything",
        "owner",
        "row_tags",
    )

    def __init__(
        self, database: peewee.Database, owner: object = None, *, row_tags: bool = True
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
