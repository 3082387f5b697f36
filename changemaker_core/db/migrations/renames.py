"""Renames: a difference of names that only a person can tell from a drop and an addition."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from changemaker_core.db.errors import MigrationsRefused
from changemaker_core.db.migrations.ddl import tokens, unquoted
from changemaker_core.db.migrations.operations import DropCheck, RenameColumn, RenameTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core.db.migrations.operations import Operation
    from changemaker_core.db.migrations.schema import Column, Index, Schema


def renamed(old: Schema, new: Schema, renames: Mapping[str, str]) -> tuple[Schema, list[Operation]]:
    """Return ``old`` after ``renames``, and the operations that do them.

    Tables come first: a column's new name is given with the table's old one.
    """
    _refuse_unknown(old, new, renames)
    operations: list[Operation] = []
    schema = dict(old)
    for before, after in renames.items():
        table, _, column = before.partition(".")
        operations += _drop_unnamed_checks(schema, table)
        if column:
            operations.append(RenameColumn(table, column, after))
            schema = _rename_column(schema, table, column, after)
    for before, after in renames.items():
        if "." not in before:
            operations.append(RenameTable(before, after))
            schema = _rename_table(schema, before, after)
    return schema, operations


def _refuse_unknown(old: Schema, new: Schema, renames: Mapping[str, str]) -> None:
    problems = []
    tables = {before: after for before, after in renames.items() if "." not in before}
    for before, after in renames.items():
        table, _, column = before.partition(".")
        target = tables.get(table, table)
        if table not in old or (column and column not in old[table].columns):
            problems.append(f"--rename {before}={after}: the migrations make no {before}.")
        elif target not in new or (column and after not in new[target].columns):
            problems.append(f"--rename {before}={after}: the models have no such name.")
        elif (target in old and target != table) or (column and after in old[table].columns):
            problems.append(f"--rename {before}={after}: the migrations have both names.")
    if problems:
        raise MigrationsRefused(problems)


def _drop_unnamed_checks(schema: Schema, table: str) -> list[Operation]:
    """PostgreSQL named them after the table and column; they are made again under the new name."""
    found = schema[table]
    unnamed = {name: text for name, text in found.checks.items() if name in found.unnamed}
    kept = {name: text for name, text in found.checks.items() if name not in unnamed}
    schema[table] = replace(found, checks=kept, unnamed=frozenset())
    return [DropCheck(table, name, text) for name, text in unnamed.items()]


def _rename_table(schema: Schema, before: str, after: str) -> Schema:
    changed = {after if name == before else name: table for name, table in schema.items()}
    changed[after] = replace(changed[after], name=after)
    return {
        name: replace(
            table,
            columns={
                key: _refer(column, table=(before, after)) for key, column in table.columns.items()
            },
        )
        for name, table in changed.items()
    }


def _rename_column(schema: Schema, table: str, before: str, after: str) -> Schema:
    found = schema[table]
    columns = {
        after if name == before else name: replace(column, name=after) if name == before else column
        for name, column in found.columns.items()
    }
    schema = schema | {
        table: replace(
            found,
            columns=columns,
            key=tuple(after if name == before else name for name in found.key),
            indexes={
                name: _rename_in_index(index, before, after)
                for name, index in found.indexes.items()
            },
            checks={name: _reword(text, before, after) for name, text in found.checks.items()},
        )
    }
    return {
        name: replace(
            each,
            columns={
                key: _refer(column, renamed_column=(table, before, after))
                for key, column in each.columns.items()
            },
        )
        for name, each in schema.items()
    }


def _rename_in_index(index: Index, before: str, after: str) -> Index:
    columns = index.columns and tuple(after if name == before else name for name in index.columns)
    return replace(index, columns=columns, body=_reword(index.body, before, after), sql=index.sql)


def _reword(text: str, before: str, after: str) -> str:
    return "".join(after if unquoted(word) == before else word for word in tokens(text))


def _refer(
    column: Column,
    table: tuple[str, str] | None = None,
    renamed_column: tuple[str, str, str] | None = None,
) -> Column:
    to = column.reference
    if to is None:
        return column
    if table and to.table == table[0]:
        return replace(column, reference=replace(to, table=table[1]))
    if renamed_column and (to.table, to.column) == renamed_column[:2]:
        return replace(column, reference=replace(to, column=renamed_column[2]))
    return column
