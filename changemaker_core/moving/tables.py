"""Which tables are moved: those of the models that the site has loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.core_models import TableVersion
from changemaker_core.moving.errors import MoveError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

#: When tables of a SQLite file were last written: numbers of that file.
_OF_THE_FILE = TableVersion._meta.table_name
_HISTORY = "_migrations"
#: How many tables an error names.
_NAMED = 5


def moved_models(
    database: peewee.Database,
    models: Mapping[str, Sequence[type[peewee.Model]]],
    leave_out: Collection[str],
) -> list[type[peewee.Model]]:
    """Return the models of the tables that are moved, each after those that it refers to.

    Raises ``MoveError`` for tables and columns of which no model is known, and that have content:
    they would be lost without a word.
    """
    found = {
        model._meta.table_name: model
        for each in models.values()
        for model in each
        if model._meta.table_name != _OF_THE_FILE
    }
    histories = {plugin + _HISTORY for plugin in models}
    there = {name for name in database.get_tables() if not name.startswith(("_", "sqlite_"))}
    if missing := sorted(set(leave_out) - there):
        raise MoveError(f"--leave-out: there is no table {', '.join(missing)}.")
    if needed := sorted(set(leave_out) & found.keys()):
        raise MoveError(f"--leave-out: {', '.join(needed)} belongs to the loaded plugins.")
    unknown = there - found.keys() - histories - {_OF_THE_FILE} - set(leave_out)
    _refuse_tables(name for name in sorted(unknown) if _has_rows(database, name))
    _refuse_columns(database, found)
    return peewee.sort_models(found.values())  # type: ignore[no-any-return, attr-defined]  # absent from peewee's stubs


def _has_rows(database: peewee.Database, table: str) -> bool:
    cursor: Any = database.execute_sql(f"SELECT 1 FROM {quoted(table)} LIMIT 1")  # noqa: S608  # a name, quoted
    return cursor.fetchone() is not None


def _refuse_tables(names: Iterable[str]) -> None:
    if unknown := list(names):
        shown = ", ".join(unknown[:_NAMED])
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise MoveError(
            f"No loaded plugin has the tables {shown}{more}, and there are rows in them.\n"
            "Install the plugins that they belong to, or name each with --leave-out."
        )


def _refuse_columns(database: peewee.Database, models: Mapping[str, type[peewee.Model]]) -> None:
    for table, model in models.items():
        there = {column.name for column in database.get_columns(table)}
        if unknown := sorted(there - model._meta.columns.keys()):
            raise MoveError(
                f"The table {table} has columns that no model has: {', '.join(unknown)}. They are "
                "none of a migration: drop them, or update the plugin."
            )


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
