"""The operations that lead from one schema to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import MigrationsRefused
from changemaker_core.db.migrations import operations as steps
from changemaker_core.db.migrations.renames import renamed
from changemaker_core.db.migrations.schema import normal
from changemaker_core.db.migrations.source import is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core.db.migrations.operations import Operation
    from changemaker_core.db.migrations.schema import Column, Index, Schema, Table


@dataclass
class _Phases:
    """Operations in the order in which they can be done, and what no operation can do."""

    renames: list[Operation] = field(default_factory=list)
    loosen: list[Operation] = field(default_factory=list)
    create: list[Operation] = field(default_factory=list)
    change: list[Operation] = field(default_factory=list)
    drop: list[Operation] = field(default_factory=list)
    tighten: list[Operation] = field(default_factory=list)
    drop_tables: list[Operation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def in_order(self) -> list[Operation]:
        """Return all operations."""
        return [
            *self.renames,
            *self.loosen,
            *self.create,
            *self.change,
            *self.drop,
            *self.tighten,
            *self.drop_tables,
        ]


def differences(
    old: Schema,
    new: Schema,
    renames: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Operation]:
    """Return the operations that lead from ``old`` to ``new``.

    ``renames`` are old names and new ones, of tables and of columns (``table.column``). ``values``
    are what the existing rows of a column get that needs one. Raises ``MigrationsRefused`` with all
    that no operation can do.
    """
    phases = _Phases()
    old, phases.renames = renamed(old, new, renames or {})
    for name in sorted(new.keys() - old.keys()):
        _create(new[name], phases)
    for name in sorted(old.keys() - new.keys()):
        _drop(old[name], phases)
    for name in sorted(old.keys() & new.keys()):
        _change(old[name], new[name], values or {}, phases)
    phases.create.sort(key=lambda step: list(new).index(step.table))
    phases.drop_tables.sort(key=lambda step: step.table)
    if phases.problems:
        raise MigrationsRefused(phases.problems)
    return phases.in_order()


def _create(table: Table, phases: _Phases) -> None:
    phases.create.append(steps.CreateTable(table.name, table))
    others = [index for index in table.indexes.values() if not is_plain(table, index)]
    phases.tighten += [steps.AddIndex(table.name, index) for index in others]


def _drop(table: Table, phases: _Phases) -> None:
    others = [index for index in table.indexes.values() if not is_plain(table, index)]
    phases.loosen += [steps.DropIndex(table.name, index) for index in others]
    phases.drop_tables.append(steps.DropTable(table.name, table))


def _change(old: Table, new: Table, values: Mapping[str, Any], phases: _Phases) -> None:
    name = new.name
    if (old.key, old.rest) != (new.key, new.rest):
        phases.problems.append(
            f"{name}: its primary key, or a constraint or option of the table, differs between the "
            "model and the migrations. Write that migration by hand."
        )
    for index in old.indexes.values():
        if new.indexes.get(index.name) != index:
            phases.loosen.append(steps.DropIndex(name, index))
    for check, text in old.checks.items():
        if normal(new.checks.get(check, "")) != normal(text):
            phases.loosen.append(steps.DropCheck(name, check, text))
    for column in new.columns.values():
        if column.name in old.columns:
            _change_column(name, old.columns[column.name], column, values, phases)
        else:
            fill = _value(name, column, values, phases)
            phases.change.append(steps.AddColumn(name, column, fill))
    for column in old.columns.values():
        if column.name not in new.columns:
            phases.drop.append(steps.DropColumn(name, column))
    for index in new.indexes.values():
        if old.indexes.get(index.name) != index:
            phases.tighten.append(steps.AddIndex(name, index))
            _check_unique(old, new, index, phases)
    for check, text in new.checks.items():
        if normal(old.checks.get(check, "")) != normal(text):
            phases.tighten.append(steps.AddCheck(name, check, text))


def _check_unique(old: Table, new: Table, index: Index, phases: _Phases) -> None:
    """Report an index that no table with two rows can have: each of its columns is new, and has
    the same value in all rows there are."""
    columns = [new.columns[each] for each in index.columns or ()]
    if not index.unique or not columns or any(each.name in old.columns for each in columns):
        return
    if all(not each.null or each.default is not None for each in columns):
        names = ", ".join(f"{new.name}.{each.name}" for each in columns)
        phases.problems.append(
            f"{names} is new and unique, and existing rows would all have the same value. "
            "Add it as null=True without a default and fill the rows, then require a value by "
            "the migration after."
        )


def _change_column(
    table: str, old: Column, new: Column, values: Mapping[str, Any], phases: _Phases
) -> None:
    if old.rest != new.rest or ("AUTO */" in old.kind + new.kind and old.kind != new.kind):
        phases.problems.append(
            f"{table}.{new.name} has other constraints than in the migrations ("
            f"{', '.join(sorted(old.rest ^ new.rest)) or f'{old.kind} and {new.kind}'}). "
            "Write that migration by hand."
        )
        return
    if old.reference != new.reference and old.reference:
        phases.loosen.append(steps.DropReference(table, new.name, old.reference))
    if old.default is not None and (old.default, old.kind) != (new.default, new.kind):
        phases.change.append(steps.SetDefault(table, new.name, old.default, None))
    if old.kind != new.kind:
        phases.change.append(steps.AlterType(table, old, new))
    if new.default is not None and (old.default, old.kind) != (new.default, new.kind):
        phases.change.append(steps.SetDefault(table, new.name, None, new.default))
    if new.null and not old.null:
        phases.change.append(steps.AllowNull(table, new.name, steps.neutral(new)))
    if old.null and not new.null:
        fill = _value(table, new, values, phases)
        phases.change.append(steps.RequireValue(table, new.name, fill))
    if old.reference != new.reference and new.reference:
        phases.tighten.append(steps.AddReference(table, new.name, new.reference))


def _value(table: str, column: Column, values: Mapping[str, Any], phases: _Phases) -> Any:
    """Return what existing rows get, where the column needs a value."""
    key = f"{table}.{column.name}"
    if key in values or column.null or column.default is not None:
        return values.get(key, steps.NO_VALUE)
    phases.problems.append(
        f"{key} is not null and has no default, so that existing rows need a value. "
        f"Give the field a default, make it null=True, or pass --fill {key}=VALUE."
    )
    return steps.NO_VALUE
