"""The steps between two schemas. Each can be described, inverted, and written as source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from changemaker_core.db.dialects import COMPILERS
from changemaker_core.db.migrations.source import Call, Source, literal

if TYPE_CHECKING:
    from changemaker_core.db.migrations.schema import Column, Index, Reference, Table

#: A value for rows that a column has none for: JSON, or ``NO_VALUE``.
NO_VALUE: Any = object()


@dataclass(frozen=True)
class Operation:
    """One step. ``table`` is the name that the table has when it is done."""

    table: str

    #: What it does, as in "add events_event.place".
    summary: ClassVar[str]
    #: What undoes it, with the same values.
    opposite: ClassVar[type[Operation]]

    def __init_subclass__(cls, undoes: type[Operation] | None = None) -> None:
        if undoes is not None:
            cls.opposite, undoes.opposite = undoes, cls

    def describe(self) -> str:
        """Return what it does, as in "add events_event.place"."""
        return self.summary.format(step=self)

    def inverse(self) -> Operation:
        """Return the step that undoes it."""
        return self.opposite(**vars(self))

    def write(self, source: Source) -> None:
        """Write the statements that do it."""
        raise NotImplementedError


@dataclass(frozen=True)
class CreateTable(Operation):
    """Create a table with its plain indexes and its checks."""

    schema: Table
    summary = "create {step.table}"

    def write(self, source: Source) -> None:
        source.create(self.schema)


@dataclass(frozen=True)
class DropTable(Operation, undoes=CreateTable):
    """Drop a table."""

    schema: Table
    summary = "drop {step.table}"

    def write(self, source: Source) -> None:
        source.drop(self.schema)


@dataclass(frozen=True)
class RenameTable(Operation):
    """Give a table another name."""

    new: str
    summary = "rename {step.table} to {step.new}"

    def inverse(self) -> Operation:
        return RenameTable(self.new, self.table)

    def write(self, source: Source) -> None:
        source.migrate("rename_table", self.table, self.new)


@dataclass(frozen=True)
class RenameColumn(Operation):
    """Give a column another name."""

    old: str
    new: str
    summary = "rename {step.table}.{step.old} to {step.new}"

    def inverse(self) -> Operation:
        return RenameColumn(self.table, self.new, self.old)

    def write(self, source: Source) -> None:
        source.migrate("rename_column", self.table, self.old, self.new)


@dataclass(frozen=True)
class AddColumn(Operation):
    """Add a column. ``fill`` is what existing rows get."""

    column: Column
    fill: Any
    summary = "add {step.table}.{step.column.name}"

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


@dataclass(frozen=True)
class DropColumn(Operation):
    """Drop a column. Undone, its rows have a neutral value."""

    column: Column
    summary = "drop {step.table}.{step.column.name}"

    def inverse(self) -> Operation:
        return AddColumn(self.table, self.column, neutral(self.column))

    def write(self, source: Source) -> None:
        source.migrate("drop_column", self.table, self.column.name)


@dataclass(frozen=True)
class AlterType(Operation):
    """Give a column another type."""

    old: Column
    new: Column
    summary = "change {step.table}.{step.new.name} from {step.old.kind} to {step.new.kind}"

    def inverse(self) -> Operation:
        return AlterType(self.table, self.new, self.old)

    def write(self, source: Source) -> None:
        options = {}
        if not _converts_by_itself(self.old.kind, self.new.kind):
            options["cast"] = f'"{self.new.name}"::{_postgresql_type(self.new.kind)}'
        made = source.field(self.new, bare=True)
        source.migrate("alter_column_type", self.table, self.new.name, made, **options)


@dataclass(frozen=True)
class RequireValue(Operation):
    """Refuse NULL in a column. ``fill`` replaces what is NULL."""

    column: str
    fill: Any
    summary = "require {step.table}.{step.column}"

    def write(self, source: Source) -> None:
        if self.fill is not NO_VALUE:
            value = self.fill
            stored = json.dumps(value) if isinstance(value, (dict, list)) else value
            source.migrate("fill", self.table, self.column, stored)
        source.migrate("add_not_null", self.table, self.column)


@dataclass(frozen=True)
class AllowNull(Operation, undoes=RequireValue):
    """Allow NULL in a column. ``fill`` replaces what is NULL when it is undone."""

    column: str
    fill: Any
    summary = "allow NULL in {step.table}.{step.column}"

    def write(self, source: Source) -> None:
        source.migrate("drop_not_null", self.table, self.column)


@dataclass(frozen=True)
class SetDefault(Operation):
    """Give a column another default, in SQL, or none."""

    column: str
    old: str | None
    new: str | None
    summary = "set the default of {step.table}.{step.column} to {step.new}"

    def inverse(self) -> Operation:
        return SetDefault(self.table, self.column, self.new, self.old)

    def write(self, source: Source) -> None:
        if self.new is None:
            source.migrate("drop_column_default", self.table, self.column)
        else:
            source.migrate("add_column_default", self.table, self.column, f"({self.new})")


@dataclass(frozen=True)
class AddIndex(Operation):
    """Create an index."""

    index: Index
    summary = "add the index {step.index.name}"

    def write(self, source: Source) -> None:
        source.add_index(self.table, self.index)


@dataclass(frozen=True)
class DropIndex(Operation, undoes=AddIndex):
    """Drop an index."""

    index: Index
    summary = "drop the index {step.index.name}"

    def write(self, source: Source) -> None:
        source.migrate("drop_index", self.table, self.index.name)


@dataclass(frozen=True)
class AddCheck(Operation):
    """Add a check."""

    name: str
    check: str
    summary = "add the check {step.name}"

    def write(self, source: Source) -> None:
        made = Call("peewee.SQL", literal(self.check))
        source.migrate("add_constraint", self.table, self.name, made)


@dataclass(frozen=True)
class DropCheck(Operation, undoes=AddCheck):
    """Drop a check."""

    name: str
    check: str
    summary = "drop the check {step.name}"

    def write(self, source: Source) -> None:
        source.migrate("drop_constraint", self.table, self.name)


@dataclass(frozen=True)
class AddReference(Operation):
    """Make a column refer to another table."""

    column: str
    to: Reference
    summary = "let {step.table}.{step.column} refer to {step.to.table}"

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


@dataclass(frozen=True)
class DropReference(Operation, undoes=AddReference):
    """Make a column refer to no table."""

    column: str
    to: Reference
    summary = "let {step.table}.{step.column} no longer refer to {step.to.table}"

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
