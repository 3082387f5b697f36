"""What a backup records of a database, read from its tables alone.

No model and no plugin is asked, so that a site whose plugins cannot be loaded, or whose database is
behind or ahead of the code, is backed up all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from changemaker_core.backups.manifest import DatabaseFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Returns the rows of a statement.
    Run = Callable[[str], list[Any]]

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%'"
    " ESCAPE '~' ORDER BY name",
    "postgresql": "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')"
    " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
    " AND NOT EXISTS (SELECT FROM pg_depend"
    " WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e') ORDER BY 1",
}
_HISTORY = "_migrations"


def read_facts(run: Run, dialect: Literal["sqlite", "postgresql"], version: str) -> DatabaseFacts:
    """Return the rows of each table and the migrations of each plugin."""
    tables = [name for (name,) in run(_TABLES[dialect])]
    rows = {name: run(f"SELECT count(*) FROM {_quoted(name)}")[0][0] for name in tables}  # noqa: S608  # a name, quoted
    migrations = {
        name.removesuffix(_HISTORY): [
            applied
            for (applied,) in run(f"SELECT name FROM {_quoted(name)} ORDER BY name")  # noqa: S608  # a name, quoted
        ]
        for name in tables
        if name.endswith(_HISTORY)
    }
    return DatabaseFacts(dialect=dialect, version=version, rows=rows, migrations=migrations)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
