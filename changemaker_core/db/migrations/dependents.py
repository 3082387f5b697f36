"""What else in a SQLite file names a table: views, and triggers of other tables.

SQLite looks into them when they are used. So each is compiled before and after a table was rebuilt,
and what only failed afterwards is the rebuild's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import peewee

from changemaker_core.db.migrations.ddl import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENTS = frozenset({"INSERT", "UPDATE", "DELETE"})


def faults(database: peewee.Database) -> dict[str, str]:
    """Return each view and each group of triggers that cannot be used, with SQLite's reason."""
    found: dict[str, str] = {}
    for name, probe in _probes(database):
        try:
            # To the end: a statement that is still open locks the table. The plan alone: a plain
            # EXPLAIN shows instructions of triggers whose text is freed memory.
            database.execute_sql(f"EXPLAIN QUERY PLAN {probe}").fetchall()
        except peewee.DatabaseError as error:
            found[name] = str(error)
    return found


def _probes(database: peewee.Database) -> Iterator[tuple[str, str]]:
    """Yield the statements that compile each view and each trigger, with the names of these."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name"
    for (view,) in database.execute_sql(sql).fetchall():
        yield f"the view {view}", f"SELECT 1 FROM {quoted(view)}"  # noqa: S608  # a quoted name
    for (table, event), names in _triggers(database).items():
        probe = {
            "INSERT": f"INSERT INTO {quoted(table)} DEFAULT VALUES",
            "UPDATE": f"UPDATE {quoted(table)} SET {_assignments(database, table)}",  # noqa: S608
            "DELETE": f"DELETE FROM {quoted(table)}",  # noqa: S608
        }
        plural = "s" if len(names) > 1 else ""
        yield f"the trigger{plural} {', '.join(names)} of {table}", probe[event]


def _triggers(database: peewee.Database) -> dict[tuple[str, str], list[str]]:
    """Return the names of the triggers of each table and event: they are compiled together."""
    sql = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, table, text in database.execute_sql(sql).fetchall():
        event = next(word for word in map(str.upper, tokens(text)) if word in _EVENTS)
        found[table, event].append(name)
    return found


def _assignments(database: peewee.Database, table: str) -> str:
    """Return what sets each column to itself, so that each ``UPDATE OF`` counts."""
    try:
        rows = database.execute_sql(f"PRAGMA table_info({quoted(table)})").fetchall()
    except peewee.DatabaseError:  # a view that cannot be used
        rows = [(0, "?")]
    return ", ".join(f"{quoted(row[1])} = {quoted(row[1])}" for row in rows)


def quoted(name: str) -> str:
    """Return a name in quotes."""
    return '"' + name.replace('"', '""') + '"'
