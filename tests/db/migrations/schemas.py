"""What a real database's tables consist of, to compare two ways to make them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.migrations.schema import read_schema

if TYPE_CHECKING:
    from changemaker_core.db import Database
    from changemaker_core.db.migrations.schema import Table

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
"""


def live_schema(database: Database, prefix: str) -> Any:
    """Return all that a database says of the tables whose names begin with ``prefix``."""
    with database.engine.shared() as raw:
        if isinstance(raw, peewee.SqliteDatabase):
            tables = read_schema(raw).values()
            return {t.name: _by_affinity(t) for t in tables if _is_ours(t.name, prefix)}
        return [
            sorted(row for row in raw.execute_sql(sql).fetchall() if _is_ours(row[0], prefix))
            for sql in (_COLUMNS, _INDEXES, _CONSTRAINTS)
        ]


def _by_affinity(table: Table) -> Table:
    """Name SQLite's integers alike: SQL of one's own may say BIGINT, where peewee says INTEGER."""
    columns = {
        name: replace(column, kind=column.kind.replace("BIGINT", "INTEGER"))
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def _is_ours(table: str, prefix: str) -> bool:
    return table.startswith(prefix) and not table.endswith("_migrations")
