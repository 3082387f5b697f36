"""Copy every row of a site's database into another one, and compare the two."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peewee

from changemaker_core.config.rules import absolute_sqlite
from changemaker_core.db import Database, migrations
from changemaker_core.db.context import Unit, running
from changemaker_core.db.writes import BulkInsert
from changemaker_core.moving.errors import MoveError
from changemaker_core.moving.sources import Source, fields_of, opened_source
from changemaker_core.moving.tables import moved_models, quoted
from changemaker_core.moving.values import Rows, Sum

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from changemaker_core.db.dialects import Dialect
    from changemaker_core.site import Site

    #: Called with what is being done, how many rows are done, and how many there are (0: unknown).
    Progress = Callable[[str, int, int], None]

#: The table of a database to which a move has begun and has not ended.
MARK = "core_moving"
#: How many values that cannot be moved an error names.
_NAMED = 20
#: Rows between two reports of progress.
_REPORT = 500
_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, conname::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND NOT condeferrable"""


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows and the hash of each table, equal on both sides."""

    tables: dict[str, Sum]
    seconds: float

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(each.count for each in self.tables.values())


def move(
    site: Site,
    path: Path | None,
    url: str,
    leave_out: Collection[str],
    progress: Progress,
    *,
    only_check: bool = False,
) -> Moved:
    """Copy the database of a site to the empty database at ``url``, or check every value alone.

    ``path`` is that of the site's SQLite file. The rows come by one transaction: if this process
    is killed, there are none, and the next move begins anew. The site's database is not changed,
    and nobody can write to it meanwhile. Raises ``MoveError``.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as opened:
        target = Database.open(absolute_sqlite(url, site.config.site_dir))
        opened.callback(target.close)
        if not only_check:
            _refuse_used(target)
        source = opened.enter_context(opened_source(site.db, path, locked=not only_check))
        models = moved_models(source.database, site.models(), leave_out)
        sums = _check(source, models, target.dialect, progress)
        if not only_check:
            _mark(target)
            migrations.apply(target, site.migration_folders())
            _fill(source, target, models, sums, progress)
    return Moved(sums, time.monotonic() - began)


# The values


def _check(
    source: Source, models: Sequence[type[peewee.Model]], target: Dialect, progress: Progress
) -> dict[str, Sum]:
    """Return the sum of each table. Raises ``MoveError`` with what ``target`` cannot store."""
    sums: dict[str, Sum] = {}
    problems: list[str] = []
    done = 0
    with source.running():
        for model in models:
            fields = fields_of(model)
            rows = Rows(fields, target)
            found = sums[model._meta.table_name] = Sum()
            for row in source.rows(model):
                values, wrong = rows.checked(row)
                problems += [_described(model, fields, row, *each) for each in wrong]
                if len(problems) >= _NAMED:
                    raise _cannot_move(problems, and_more=True)
                if not wrong:
                    found.add(values)
                done += 1
                if done % _REPORT == 0:
                    progress("check", done, 0)
    progress("check", done, 0)
    if problems:
        raise _cannot_move(problems, and_more=False)
    return sums


def _described(
    model: type[peewee.Model], fields: Sequence[Any], row: Sequence[Any], column: str, problem: str
) -> str:
    """Return a problem with the table and the row, which is named by its key."""
    keys = {field.name for field in model._meta.get_primary_keys()}
    named = ", ".join(
        f"{field.column_name}={value!r}"
        for field, value in zip(fields, row, strict=True)
        if field.name in keys
    )
    return f"{model._meta.table_name}, row {named}: {column} {problem}"


def _cannot_move(problems: list[str], *, and_more: bool) -> MoveError:
    lines = "\n  ".join(problems[:_NAMED])
    more = "\n  and perhaps more: this is where the check ended" if and_more else ""
    return MoveError(
        f"Some values cannot be moved; nothing was copied:\n  {lines}{more}\n"
        "Correct them in the site's database, and run the command again."
    )


# The target


def _refuse_used(target: Database) -> None:
    """Raise ``MoveError`` for a database with tables, except those of a move that did not end."""
    with target.engine.shared() as database:
        tables = [name for name in database.get_tables() if not name.startswith("_")]
    if tables and MARK not in tables:
        raise MoveError(
            f"The database to move to is not empty: it has the tables {', '.join(tables[:3])}. "
            "Nothing in it was changed.\nCreate an empty one: a new file, or `createdb "
            "--encoding=UTF8 --locale=C.UTF-8 --template=template0 NAME`"
        )


def _mark(target: Database) -> None:
    with target.engine.exclusive() as database:
        database.execute_sql(f"CREATE TABLE IF NOT EXISTS {MARK} (began TEXT)")


def _fill(
    source: Source,
    target: Database,
    models: Sequence[type[peewee.Model]],
    sums: dict[str, Sum],
    progress: Progress,
) -> None:
    """Copy the rows of ``models``, and compare them with their ``sums``, in one transaction."""
    total = sum(each.count for each in sums.values())
    counted = _Counted(progress, total)
    with target.engine.exclusive() as database, database.atomic():
        unit = Unit(database)
        with running(unit), _constraints_deferred(database, target.dialect):
            for model in reversed(models):
                database.execute_sql(f"DELETE FROM {quoted(model._meta.table_name)}")  # noqa: S608  # a name, quoted; rows of migrations, which the source has too
            for model in models:
                _copy(source, unit, model, target.dialect, counted)
        _set_sequences(database, models, target.dialect)
        written = Source(database, is_sqlite=target.dialect == "sqlite")
        counted.begin("compare")
        with written.running():
            for model in models:
                _compare(written, model, sums[model._meta.table_name], counted)
        database.execute_sql(f"DROP TABLE {MARK}")


def _copy(
    source: Source, unit: Unit, model: type[peewee.Model], target: Dialect, counted: _Counted
) -> None:
    fields = fields_of(model)
    rows = Rows(fields, target)

    def values() -> Iterator[list[Any]]:
        found = source.rows(model)
        while True:
            with source.running():  # not while the other database takes the row
                part = [rows.values(row) for row in _first(found, _REPORT)]
            if not part:
                return
            counted.add("copy", len(part))
            yield from part

    try:
        BulkInsert(model, fields, "error", None).run(unit, values())
    except peewee.PeeweeException as error:
        notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        table = model._meta.table_name
        raise MoveError(
            f"{table} cannot be copied: {' '.join(str(error).split())}{notes}."
        ) from error


def _first(rows: Iterator[Any], count: int) -> list[Any]:
    return [row for _, row in zip(range(count), rows, strict=False)]


def _compare(written: Source, model: type[peewee.Model], expected: Sum, counted: _Counted) -> None:
    """Raise ``MoveError`` unless the table has the rows that were read from the source."""
    rows = Rows(fields_of(model), "sqlite")
    found = Sum()
    for row in written.rows(model):
        found.add(rows.values(row))
        if found.count % _REPORT == 0:
            counted.add("compare", _REPORT)
    if found != expected:
        raise MoveError(
            f"{model._meta.table_name} is not the same after it was copied: {found.count} rows "
            f"with the hash {found}, instead of {expected.count} with {expected}. Nothing was "
            "kept. Report this to the authors of the plugin whose table it is."
        )


@contextlib.contextmanager
def _constraints_deferred(database: Any, dialect: str) -> Iterator[None]:
    """Check references when all rows are there: rows of a table may refer to each other."""
    if dialect == "sqlite":
        database.execute_sql("PRAGMA defer_foreign_keys = ON")
        yield
        return
    found = database.execute_sql(_FOREIGN_KEYS).fetchall()
    for table, name in found:
        _alter(database, table, name, "DEFERRABLE INITIALLY DEFERRED")
    yield
    database.execute_sql("SET CONSTRAINTS ALL IMMEDIATE")
    for table, name in found:
        _alter(database, table, name, "NOT DEFERRABLE")


def _alter(database: Any, table: str, name: str, how: str) -> None:
    database.execute_sql(f"ALTER TABLE {table} ALTER CONSTRAINT {quoted(name)} {how}")


def _set_sequences(database: Any, models: Sequence[type[peewee.Model]], dialect: str) -> None:
    """Have numbers that PostgreSQL gives begin after those that were copied."""
    if dialect == "sqlite":  # it takes the highest of the table
        return
    for model in models:
        key: Any = model._meta.primary_key
        if isinstance(key, peewee.AutoField):
            table, column = quoted(model._meta.table_name), quoted(key.column_name)
            highest = f"(SELECT max({column}) FROM {table})"  # noqa: S608  # names, quoted
            database.execute_sql(
                f"SELECT setval(pg_get_serial_sequence(%s, %s), greatest({highest}, 1),"
                f" {highest} IS NOT NULL)",
                (table, key.column_name),
            )


class _Counted:
    """Reports progress by rows."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def begin(self, stage: str) -> None:
        self._done = 0
        self._progress(stage, 0, self._total)

    def add(self, stage: str, count: int) -> None:
        self._done += count
        self._progress(stage, self._done, self._total)
