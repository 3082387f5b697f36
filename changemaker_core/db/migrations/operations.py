"""The steps between two schemas. Each can be described, inverted, and written as source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from changemaker_core.db.dialects import COMPILERS
from changemaker_core.db.migrations.source import Call, Source, literal

if TYPE_CHECKING:
    from changemaker_core.db.migrations.schema import Column, Index, Reference, Table

#: A value for rows that a column has none for: JSON, or ``NO_VALUE``.
NO_VALUE: Any = object()


class Operation(Protocol):
    """One step. ``table`` is the name that the table has when it is done."""

    @property
    def table(self) -> str:
        """The table's name."""

    def describe(self) -> str:
        """Return what it does, as in "add events_event.place"."""

    def inverse(self) -> Operation:
        """Return the step that undoes it."""

    def write(self, source: Source) -> None:
        """Write the statements that do it."""


@dataclass(frozen=True, slots=True)
class CreateTable:
    """Create a table with its plain indexes and its checks."""

    new: Table

    @property
    def table(self) -> str:
        return self.new.name

    def describe(self) -> str:
        return f"create {self.table}"

    def inverse(self) -> Operation:
        return DropTable(self.new)

    def write(self, source: Source) -> None:
        source.create(self.new)


@dataclass(frozen=True, slots=True)
class DropTable:
    """Drop a table."""

    old: Table

    @property
    def table(self) -> str:
        return self.old.name

    def describe(self) -> str:
        return f"drop {self.table}"

    def inverse(self) -> Operation:
        return CreateTable(self.old)

    def write(self, source: Source) -> None:
        source.drop(self.old)


@dataclass(frozen=True, slots=True)
class RenameTable:
    """Give a table another name."""

    table: str
    new: str

    def describe(self) -> str:
        return f"rename {self.table} to {self.new}"

    def inverse(self) -> Operation:
        return RenameTable(self.new, self.table)

    def write(self, source: Source) -> None:
        source.migrate("rename_table", self.table, self.new)


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """Give a column another name."""

    table: str
    old: str
    new: str

    def describe(self) -> str:
        return f"rename {self.table}.{self.old} to {self.new}"

    def inverse(self) -> Operation:
        return RenameColumn(self.table, self.new, self.old)

    def write(self, source: Source) -> None:
        source.migrate("rename_column", self.table, self.old, self.new)


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add a column. ``fill`` is what existing rows get."""

    table: str
    column: Column
    fill: Any

    def describe(self) -> str:
        return f"add {self.table}.{self.column.name}"

    def inverse(self) -> Operation:
        return DropColumn(self.table, self.column)

    def write(self, source: Source) -> None:
        column = self.column
        wanted = not column.null and column.default is None
        fill = self.fill if wanted and self.fill is not NO_VALUE else None
        options = {}
        if not column.null and fill is None:
            options["allow_not_null"] = True  # the database's own default, or a table without rows
        made = source.field(column, default=fill)
        source.migrate("add_column", self.table, column.name, made, **options)


@dataclass(frozen=True, slots=True)
class DropColumn:
    """Drop a column. Undone, its rows have a neutral value."""

    table: str
    column: Column

    def describe(self) -> str:
        return f"drop {self.table}.{self.column.name}"

    def inverse(self) -> Operation:
        return AddColumn(self.table, self.column, neutral(self.column))

    def write(self, source: Source) -> None:
        source.migrate("drop_column", self.table, self.column.name)


@dataclass(frozen=True, slots=True)
class AlterType:
    """Give a column another type."""

    table: str
    old: Column
    new: Column

    def describe(self) -> str:
        return f"change {self.table}.{self.new.name} from {self.old.kind} to {self.new.kind}"

    def inverse(self) -> Operation:
        return AlterType(self.table, self.new, self.old)

    def write(self, source: Source) -> None:
        options = {}
        if not _converts_by_itself(self.old.kind, self.new.kind):
            options["cast"] = f'"{self.new.name}"::{_postgresql_type(self.new.kind)}'
        made = source.field(self.new, bare=True)
        source.migrate("alter_column_type", self.table, self.new.name, made, **options)


@dataclass(frozen=True, slots=True)
class RequireValue:
    """Refuse NULL in a column. ``fill`` replaces what is NULL."""

    table: str
    column: str
    fill: Any

    def describe(self) -> str:
        return f"require {self.table}.{self.column}"

    def inverse(self) -> Operation:
        return AllowNull(self.table, self.column)

    def write(self, source: Source) -> None:
        if self.fill is not NO_VALUE:
            value = self.fill
            stored = json.dumps(value) if isinstance(value, (dict, list)) else value
            source.migrate("fill", self.table, self.column, stored)
        source.migrate("add_not_null", self.table, self.column)


@dataclass(frozen=True, slots=True)
class AllowNull:
    """Allow NULL in a column."""

    table: str
    column: str
    fill: Any = NO_VALUE

    def describe(self) -> str:
        return f"allow NULL in {self.table}.{self.column}"

    def inverse(self) -> Operation:
        return RequireValue(self.table, self.column, self.fill)

    def write(self, source: Source) -> None:
        source.migrate("drop_not_null", self.table, self.column)


@dataclass(frozen=True, slots=True)
class SetDefault:
    """Give a column another default, in SQL, or none."""

    table: str
    column: str
    old: str | None
    new: str | None

    def describe(self) -> str:
        return f"set the default of {self.table}.{self.column} to {self.new}"

    def inverse(self) -> Operation:
        return SetDefault(self.table, self.column, self.new, self.old)

    def write(self, source: Source) -> None:
        if self.new is None:
            source.migrate("drop_column_default", self.table, self.column)
        else:
            source.migrate("add_column_default", self.table, self.column, f"({self.new})")


@dataclass(frozen=True, slots=True)
class AddIndex:
    """Create an index."""

    table: str
    index: Index

    def describe(self) -> str:
        return f"add the index {self.index.name}"

    def inverse(self) -> Operation:
        return DropIndex(self.table, self.index)

    def write(self, source: Source) -> None:
        source.add_index(self.table, self.index)


@dataclass(frozen=True, slots=True)
class DropIndex:
    """Drop an index."""

    table: str
    index: Index

    def describe(self) -> str:
        return f"drop the index {self.index.name}"

    def inverse(self) -> Operation:
        return AddIndex(self.table, self.index)

    def write(self, source: Source) -> None:
        source.migrate("drop_index", self.table, self.index.name)


@dataclass(frozen=True, slots=True)
class AddCheck:
    """Add a check."""

    table: str
    name: str
    check: str

    def describe(self) -> str:
        return f"add the check {self.name}"

    def inverse(self) -> Operation:
        return DropCheck(self.table, self.name, self.check)

    def write(self, source: Source) -> None:
        made = Call("peewee.SQL", literal(self.check))
        source.migrate("add_constraint", self.table, self.name, made)


@dataclass(frozen=True, slots=True)
class DropCheck:
    """Drop a check."""

    table: str
    name: str
    check: str

    def describe(self) -> str:
        return f"drop the check {self.name}"

    def inverse(self) -> Operation:
        return AddCheck(self.table, self.name, self.check)

    def write(self, source: Source) -> None:
        source.migrate("drop_constraint", self.table, self.name)


@dataclass(frozen=True, slots=True)
class AddReference:
    """Make a column refer to another table."""

    table: str
    column: str
    to: Reference

    def describe(self) -> str:
        return f"let {self.table}.{self.column} refer to {self.to.table}"

    def inverse(self) -> Operation:
        return DropReference(self.table, self.column, self.to)

    def write(self, source: Source) -> None:
        options = {"on_delete": self.to.on_delete, "on_update": self.to.on_update}
        source.migrate(
            "add_foreign_key_constraint",
            self.table,
            self.column,
            self.to.table,
            self.to.column,
            **{name: action for name, action in options.items() if action},
            constraint_name=f"{self.table}_{self.column}_fkey",
        )


@dataclass(frozen=True, slots=True)
class DropReference:
    """Make a column refer to no table."""

    table: str
    column: str
    to: Reference

    def describe(self) -> str:
        return f"let {self.table}.{self.column} no longer refer to {self.to.table}"

    def inverse(self) -> Operation:
        return AddReference(self.table, self.column, self.to)

    def write(self, source: Source) -> None:
        source.migrate("drop_foreign_key_constraint", self.table, self.column)


def neutral(column: Column) -> Any:
    """Return a value that means nothing in particular; ``NO_VALUE`` where a type has none."""
    if column.reference:
        return NO_VALUE
    kind = column.kind.partition("(")[0].partition(" ")[0]
    known: dict[str, Any] = {
        **dict.fromkeys(("VARCHAR", "TEXT", "CHAR"), ""),
        **dict.fromkeys(("INTEGER", "BIGINT", "SMALLINT", "REAL", "DOUBLE", "DECIMAL"), 0),
        "BOOL": False,
        "JSON": {},
        "TIMESTAMPTZ": "1970-01-01T00:00:00+00:00",
        "UUID": "00000000-0000-0000-0000-000000000000",
    }
    return known.get(kind, NO_VALUE)


#: Types of which PostgreSQL converts each to itself, in another length, and to those after it.
_WIDENING = (("VARCHAR", "TEXT"), ("CHAR", "VARCHAR", "TEXT"), ("SMALLINT", "INTEGER", "BIGINT"))


def _converts_by_itself(old: str, new: str) -> bool:
    before, after = old.partition("(")[0], new.partition("(")[0]
    return before == after or any(
        before in kinds and after in kinds[kinds.index(before) :] for kinds in _WIDENING
    )


def _postgresql_type(kind: str) -> str:
    name, parenthesis, modifiers = kind.partition("(")
    types = COMPILERS["postgresql"].get_context_options()["field_types"]
    return f"{types.get(name, name)}{parenthesis}{modifiers}"
