"""What tables consist of, read from a scratch database: equal for histories and for models.

The scratch is a SQLite database in memory whose columns have peewee's names of types, such as
``BOOL`` and ``TIMESTAMPTZ``. SQLite takes any name, and PostgreSQL's types follow from them. So two
schemas that are equal here are equal on both databases.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.db.context import Unit, running
from changemaker_core.db.dialects import COMPILERS, Sqlite
from changemaker_core.db.migrations.ddl import (
    TableDefinition,
    begins,
    constraint_name,
    is_check,
    tokens,
    unquoted,
)
from changemaker_core.db.migrations.migrators import named_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: peewee's names of types that SQLite's do not tell apart. A comment keeps AUTO an alias of rowid.
_TYPES = {
    "AUTO": "INTEGER /* AUTO */",
    "BIGAUTO": "INTEGER /* BIGAUTO */",
    **{name: name for name in ("BIGINT", "BOOL", "DOUBLE", "JSON", "SMALLINT", "UUID", "UUIDB")},
    "TIMESTAMPTZ": "TIMESTAMPTZ",
}


class Scratch(Sqlite):
    """An empty database in memory, with peewee's names of types."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self._field_types: dict[str, str]
        self._field_types.update(_TYPES)
        self.connect()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of one column."""

    table: str
    column: str
    on_delete: str | None
    on_update: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``kind`` is its type; ``default`` is SQL; ``rest`` is what no operation changes."""

    name: str
    kind: str
    null: bool
    default: str | None
    reference: Reference | None
    rest: frozenset[str]


@dataclass(frozen=True, slots=True)
class Index:
    """An index. ``columns`` is None for one with expressions, an order or a condition."""

    name: str
    unique: bool
    columns: tuple[str, ...] | None
    body: str
    #: The statement that makes it, where ``columns`` does not say all; PostgreSQL's if it differs.
    sql: str = field(compare=False, default="")
    postgresql: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: columns in their order, key, indexes and checks by name."""

    name: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    indexes: dict[str, Index]
    #: By name; an unnamed one has the name that PostgreSQL gives it.
    checks: dict[str, str]
    rest: frozenset[str]
    unnamed: frozenset[str] = field(compare=False)


Schema = dict[str, Table]


def schema_of_models(models: Iterable[type[peewee.Model]]) -> Schema:
    """Return the schema that creating the tables of ``models`` gives."""
    wanted = _with_referred(models)
    with contextlib.closing(Scratch()) as scratch, running(Unit(scratch)):
        scratch.create_tables(wanted)
        return read_schema(scratch, _postgresql_indexes(wanted))


def _with_referred(models: Iterable[type[peewee.Model]]) -> list[type[peewee.Model]]:
    """Return ``models`` and all that they refer to."""
    found: dict[type[peewee.Model], None] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += model._meta.refs.values()
    return list(found)


def _postgresql_indexes(models: Iterable[type[peewee.Model]]) -> dict[str, str]:
    """Return each index's statement as PostgreSQL takes it, by name."""
    found: dict[str, str] = {}
    database = COMPILERS["postgresql"]
    with running(Unit(database)):
        for model in models:
            for index in model._meta.fields_to_index():
                if isinstance(index, peewee.Index):
                    sql, values = database.get_sql_context().sql(index).query()
                    name: str = index._name  # type: ignore[attr-defined]  # not in peewee's stubs
                    found[name] = sql % tuple(map(_literal, values)) if values else sql
    return found


def _literal(value: object) -> str:
    """Return a value as PostgreSQL's SQL."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "NULL"}[value]
    return (
        str(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'"
    )


def read_schema(database: peewee.Database, postgresql: Mapping[str, str] | None = None) -> Schema:
    """Return the tables of a scratch database, without virtual ones and those behind them."""
    rows = database.execute_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    found: dict[str, str] = dict(rows.fetchall())
    virtual = {name for name, sql in found.items() if tokens(sql)[2].upper() == "VIRTUAL"}
    behind = tuple(f"{name}_" for name in virtual)
    return {
        name: _table(database, name, sql, postgresql or {})
        for name, sql in found.items()
        if name not in virtual and not name.startswith((*behind, "sqlite_"))
    }


def _table(database: peewee.Database, name: str, sql: str, postgresql: Mapping[str, str]) -> Table:
    definition = TableDefinition(sql)
    rows = _pragma(database, "table_xinfo", name)
    checks = named_checks(name, definition)
    return Table(
        name,
        {row[1]: _column(database, name, row, definition.columns[row[1]]) for row in rows},
        tuple(row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]),
        {index.name: index for index in _indexes(database, name, postgresql)},
        {check: _without_name(text) for check, text in checks},
        frozenset(
            normal(text)
            for text in [*definition.constraints, definition.options]
            if text and not is_check(text) and not begins(text, "FOREIGN") and not _is_key(text)
        ),
        frozenset(check for check, text in checks if constraint_name(text) is None),
    )


def _column(
    database: peewee.Database, table: str, row: Sequence[Any], parts: Sequence[str]
) -> Column:
    references = {
        fk[3]: Reference(fk[2], fk[4], _action(fk[6]), _action(fk[5]))
        for fk in _pragma(database, "foreign_key_list", table)
    }
    known = ("NOT", "NULL", "PRIMARY", "DEFAULT", "CHECK", "REFERENCES")
    rest = [part for part in parts[1:] if not any(begins(part, word) for word in known)]
    kind = " ".join(rest.pop(0).split()) if rest and rest[0] == parts[1] else ""
    return Column(
        name=row[1],
        kind=kind,
        null=not row[3] and not row[5],
        default=row[4],
        reference=references.get(row[1]),
        rest=frozenset(map(normal, rest)),
    )


def _indexes(
    database: peewee.Database, table: str, postgresql: Mapping[str, str]
) -> Iterator[Index]:
    rows = database.execute_sql(
        "SELECT name, sql FROM sqlite_master"
        " WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name",
        (table,),
    )
    for name, sql in rows.fetchall():
        words = _words(sql)
        body = words[words.index("ON") + 2 :]
        columns = tuple(row[2] for row in _pragma(database, "index_info", name))
        plain = normal(f"({','.join(map(str, columns))})") == " ".join(body)
        other = _statement(postgresql.get(name, sql))
        yield Index(
            name,
            unique=words[1].upper() == "UNIQUE",
            columns=columns if plain else None,
            body=" ".join(body),
            sql=_statement(sql),
            postgresql="" if normal(other) == normal(_statement(sql)) else other,
        )


def _statement(sql: str) -> str:
    return sql.replace(" IF NOT EXISTS ", " ", 1)


def normal(sql: str) -> str:
    """Return SQL with its words apart by one space, and names without quotes."""
    return " ".join(_words(sql))


def _words(sql: str) -> list[str]:
    return [unquoted(token) for token in tokens(sql) if not token.isspace()]


def _without_name(text: str) -> str:
    words = tokens(text)
    upper = [word.upper() for word in words]
    return "".join(words[upper.index("CHECK") :])


def _is_key(text: str) -> bool:
    return begins(text, "PRIMARY")


def _action(action: str) -> str | None:
    return None if action == "NO ACTION" else action


def _pragma(database: peewee.Database, pragma: str, name: str) -> list[tuple[Any, ...]]:
    rows = database.execute_sql(f"SELECT * FROM pragma_{pragma}(?)", (name,))  # noqa: S608  # ours
    found: list[tuple[Any, ...]] = rows.fetchall()
    return found
