"""peewee's migrators, with what SQLite's lacks: a rebuild that loses nothing.

A migration is given one of them. Their methods are those of ``playhouse.migrate``, on both
databases; ``fill`` is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import peewee
from playhouse import migrate

from changemaker_core.db.migrations.ddl import (
    TableDefinition,
    begins,
    constraint_name,
    tokens,
    unquoted,
)
from changemaker_core.db.migrations.dependents import faults, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


#: Makes a method that returns statements one that returns an operation for ``migrate()``.
operation: Callable[[Callable[..., Any]], Callable[..., Any]] = migrate.operation


def migrator_of(database: peewee.Database) -> Any:
    """Return the migrator for a database."""
    if isinstance(database, peewee.SqliteDatabase):
        return SqliteMigrator(database)
    return PostgresqlMigrator(database)


class _Fill:
    """What both migrators have beyond peewee's."""

    @operation
    def fill(self, table: str, column: str, value: Any) -> Any:
        """Set a column to ``value`` where it is NULL."""
        return peewee.NodeList(
            [
                peewee.SQL("UPDATE"),
                peewee.Entity(table),
                peewee.SQL("SET"),
                peewee.Entity(column),
                peewee.SQL("= "),
                peewee.Value(value, converter=False),
                peewee.SQL("WHERE"),
                peewee.Entity(column),
                peewee.SQL("IS NULL"),
            ]
        )


class PostgresqlMigrator(_Fill, migrate.PostgresqlMigrator):  # type: ignore[misc]  # no stubs
    """peewee's."""


class SqliteMigrator(_Fill, migrate.SqliteMigrator):  # type: ignore[misc]  # no stubs
    """peewee's, where each change that SQLite has no statement for is a rebuild of the table.

    A rebuild keeps rows, indexes and triggers, and understands any ``CREATE TABLE``: peewee's own
    cuts definitions apart at nested parentheses, and drops triggers.
    """

    def _rebuild(self, table: str, change: Callable[[TableDefinition], None]) -> Iterator[Any]:
        definition = self._definition(table)
        before, known = list(definition.columns), faults(self.database)
        change(definition)
        kept = [name for name in definition.columns if name in before]
        lost = set(before) - set(kept)
        dependents = self._dependents(table, lost)
        temporary = f"{table}__rebuilt"
        columns = ", ".join(map(quoted, kept))
        yield peewee.SQL(definition.text(temporary))
        yield peewee.SQL(
            f"INSERT INTO {quoted(temporary)} ({columns})"  # noqa: S608  # quoted names
            f" SELECT {columns} FROM {quoted(table)}"
        )
        yield peewee.SQL(f"DROP TABLE {quoted(table)}")
        # Otherwise SQLite looks in each view and trigger for the table, which is not there yet.
        yield peewee.SQL("PRAGMA legacy_alter_table = ON")
        yield peewee.SQL(f"ALTER TABLE {quoted(temporary)} RENAME TO {quoted(table)}")
        yield peewee.SQL("PRAGMA legacy_alter_table = OFF")
        yield from map(peewee.SQL, dependents)
        yield self._check_dependents(table, known)

    @operation
    def _check_dependents(self, table: str, known: dict[str, str]) -> None:
        """Raise where a view or a trigger, of any table, has a fault that is not ``known``."""
        new = {name: text for name, text in faults(self.database).items() if name not in known}
        if new:
            raise ValueError(
                f"{', '.join(new)} could not be used once {table} is changed:"
                f" {'; '.join(dict.fromkeys(new.values()))}."
                " Drop what names the column before, and create it again afterwards."
            )

    def _definition(self, table: str) -> TableDefinition:
        found = self._get_create_table(table)
        if found is None:
            raise ValueError(f"there is no table {table}")
        return TableDefinition(found[1])

    def _dependents(self, table: str, lost: set[str]) -> list[str]:
        """Return the statements of the table's triggers, and of its indexes without ``lost``."""
        indexes = self.database.get_indexes(table)
        kept = [index.sql for index in indexes if index.sql and not lost & set(index.columns)]
        triggers = self.database.execute_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND LOWER(tbl_name) = ?",
            (table.lower(),),
        )
        return kept + [sql for (sql,) in triggers.fetchall()]

    def _change_column(
        self, table: str, column: str, change: Callable[[TableDefinition], None]
    ) -> Any:
        if column not in self._definition(table).columns:
            raise ValueError(f"there is no column {column} in {table}")
        return list(self._rebuild(table, change))

    @operation
    def drop_column(self, table: str, column_name: str, cascade: bool = True) -> Any:
        """Drop a column, with the indexes and constraints that name it."""

        def drop(definition: TableDefinition) -> None:
            del definition.columns[column_name]
            definition.constraints = [
                text for text in definition.constraints if column_name not in _own_names(text)
            ]

        return self._change_column(table, column_name, drop)

    @operation
    def add_not_null(self, table: str, column: str) -> Any:
        """Require a value. Rows without one make it fail."""

        def require(definition: TableDefinition) -> None:
            definition.remove_parts(column, _is_null)
            definition.add_part(column, "NOT NULL")

        return self._change_column(table, column, require)

    @operation
    def drop_not_null(self, table: str, column: str) -> Any:
        """Allow NULL."""
        return self._change_column(table, column, lambda d: d.remove_parts(column, _is_null))

    @operation
    def add_column_default(self, table: str, column: str, default: Any) -> Any:
        """Set the default of a column: a number, or SQL in parentheses or quotes."""

        def add(definition: TableDefinition) -> None:
            definition.remove_parts(column, _is_default)
            definition.add_part(column, f"DEFAULT {default}")

        return self._change_column(table, column, add)

    @operation
    def drop_column_default(self, table: str, column: str) -> Any:
        """Remove the default of a column."""
        return self._change_column(table, column, lambda d: d.remove_parts(column, _is_default))

    @operation
    def alter_column_type(
        self, table: str, column: str, field: peewee.Field[Any], cast: Any = None
    ) -> Any:
        """Change the type of a column. SQLite converts by the new type's affinity."""
        ctx = self.make_context()
        kind = ctx.sql(field.ddl_datatype(ctx)).query()[0]
        return self._change_column(table, column, lambda d: d.set_type(column, kind))

    @operation
    def add_constraint(self, table: str, name: str, constraint: Any) -> Any:
        """Add a constraint, such as ``peewee.Check("price >= 0")``."""
        text, parameters = self.make_context().sql(constraint).query()
        if parameters:
            raise ValueError(f"write the values of the constraint {name} as SQL")
        return list(
            self._rebuild(
                table, lambda d: d.constraints.append(f"CONSTRAINT {quoted(name)} {text}")
            )
        )

    @operation
    def drop_constraint(self, table: str, name: str) -> Any:
        """Drop a constraint by its name, or by the name that PostgreSQL gives to a check."""

        def drop(definition: TableDefinition) -> None:
            found = next((t for n, t in named_checks(table, definition) if n == name), None)
            found = found or next(
                (text for text in definition.constraints if constraint_name(text) == name), None
            )
            if found is None:
                raise ValueError(f"there is no constraint {name} in {table}")
            definition.constraints = [text for text in definition.constraints if text != found]
            for column in definition.columns:
                definition.remove_parts(column, found.__eq__)

        return list(self._rebuild(table, drop))

    @operation
    def drop_foreign_key_constraint(self, table: str, column_name: str) -> Any:
        """Let a column refer to no table."""
        return self._change_column(
            table, column_name, lambda definition: _drop_reference(definition, column_name)
        )

    @operation
    def add_foreign_key_constraint(
        self,
        table: str,
        column_name: str,
        rel: str,
        rel_column: str,
        on_delete: str | None = None,
        on_update: str | None = None,
        constraint_name: str | None = None,
    ) -> Any:
        """Let a column refer to another table. SQLite needs no name for that."""
        text = f"FOREIGN KEY ({quoted(column_name)})"
        text += f" REFERENCES {quoted(rel)} ({quoted(rel_column)})"
        text += f" ON DELETE {on_delete}" if on_delete else ""
        text += f" ON UPDATE {on_update}" if on_update else ""
        return self._change_column(
            table, column_name, lambda definition: definition.constraints.append(text)
        )


def named_checks(table: str, definition: TableDefinition) -> list[tuple[str, str]]:
    """Return each check of a table with its name: its own, or the one that PostgreSQL gives it."""
    found: list[tuple[str, str]] = []
    for text in definition.checks():
        name = constraint_name(text)
        if name is None:
            columns = _own_names(text) & definition.columns.keys()
            base = f"{table}_{min(columns)}_check" if len(columns) == 1 else f"{table}_check"
            taken = {name for name, _ in found}
            name = next(n for n in (base, *(f"{base}{i}" for i in range(1, 99))) if n not in taken)
        found.append((name, text))
    return found


def _drop_reference(definition: TableDefinition, column: str) -> None:
    definition.remove_parts(column, lambda part: begins(part, "REFERENCES"))
    definition.constraints = [
        text
        for text in definition.constraints
        if not (begins(text, "FOREIGN") and column in _own_names(text))
    ]


def _own_names(text: str) -> set[str]:
    """Return the names in a constraint, without those of the table that it refers to."""
    words = [token for token in tokens(text) if not token.isspace()]
    upper = [word.upper() for word in words]
    own = words[: upper.index("REFERENCES")] if "REFERENCES" in upper else words
    return {unquoted(word) for word in own}


def _is_null(part: str) -> bool:
    return begins(part, "NOT", "NULL") or begins(part, "NULL")


def _is_default(part: str) -> bool:
    return begins(part, "DEFAULT")
