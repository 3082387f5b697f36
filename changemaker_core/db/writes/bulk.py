"""Many rows at once: one statement that SQLite runs for each row, ``COPY`` on PostgreSQL."""

from __future__ import annotations

import itertools
import json
import operator
import sqlite3
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, cast

import peewee

from changemaker_core.db.errors import as_peewee_error
from changemaker_core.db.writes.patterns import unchanged_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from changemaker_core.db.context import Unit

OnConflict = Literal["error", "skip", "update"]

#: Rows that are converted together: enough that what is done once for all of them costs nothing,
#: and few, since they may be large.
BATCH = 100
_SEQUENCES = frozenset({tuple, list})


class BulkInsert:
    """An insert of rows of ``columns`` into the table of ``model``, and what a conflict does.

    Columns that are not named get the defaults of their fields.
    """

    def __init__(
        self,
        model: type[peewee.Model],
        columns: Sequence[str | peewee.Field[Any]],
        on_conflict: OnConflict,
        key: Sequence[str | peewee.Field[Any]] | None,
    ) -> None:
        self._model = model
        named = [_field(model, column) for column in columns]
        # By name: peewee's fields compare to conditions, which are true.
        names = {field.name for field in named}
        if len(names) < len(named) or not names:
            raise ValueError(f"columns name each column of {model.__name__} once")
        given = model._meta.defaults.items()
        defaults = {field: value for field, value in given if field.name not in names}
        self._width = len(named)
        self._convert = _converter(named, defaults)
        self.fields = [*named, *defaults]
        self.names = [_quote(field.column_name) for field in self.fields]
        self.table = _quote(model._meta.table_name)
        self.on_conflict = on_conflict
        self.key, self._conflict = self._resolve(named, key)
        #: How many rows were taken so far, and those among them that the database has not yet.
        self.count = 0
        self._waiting: Iterator[tuple[Any, ...]] = iter(())

    def _resolve(
        self, named: list[Any], key: Sequence[str | peewee.Field[Any]] | None
    ) -> tuple[list[str], str]:
        """Return the names of the key, and the clause for conflicts."""
        if self.on_conflict == "error":
            return [], ""
        if self.on_conflict not in ("skip", "update"):
            raise ValueError(f"on_conflict is error, skip or update, not {self.on_conflict!r}")
        fields: list[Any] = [_field(self._model, each) for each in key or ()]
        if self.on_conflict == "update" and not key:
            fields = list(self._model._meta.get_primary_keys())
        names = [_quote(field.column_name) for field in fields]
        target = f" ({', '.join(names)})" if names else ""
        if self.on_conflict == "skip":
            return names, f" ON CONFLICT{target} DO NOTHING"
        known = {field.name for field in fields}
        missing = sorted(known - {field.name for field in named})
        if missing or not fields:
            raise ValueError(
                f"on_conflict='update' finds the row to update by {', '.join(missing) or 'a key'},"
                " which columns do not name; name another unique key with key="
            )
        columns = [_quote(field.column_name) for field in named if field.name not in known]
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        return names, f" ON CONFLICT{target} DO " + (
            f"UPDATE SET {changes}" if changes else "NOTHING"
        )

    def sql(self, source: str) -> str:
        """Return the statement that inserts what ``source`` selects or lists."""
        return f"INSERT INTO {self.table} ({', '.join(self.names)}) {source}{self._conflict}"

    def values(self, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
        """Return each row as the database takes it. An error has a note with the row's number."""
        # PERF: Python runs no code of ours between two rows of a batch.
        return itertools.chain.from_iterable(self._batches(iter(rows)))

    def _batches(self, rows: Iterator[Sequence[Any]]) -> Iterator[Iterator[tuple[Any, ...]]]:
        while batch := [*itertools.islice(rows, BATCH)]:
            try:
                self._refuse_others(batch)
                values = self._convert(batch)
            except Exception as error:
                raise self._first_error(batch) or error from None
            self.count += len(batch)
            self._waiting = iter(values)
            yield self._waiting

    def _refuse_others(self, rows: Sequence[Any]) -> None:
        """Raise for rows whose values have no order, or are letters."""
        if not _SEQUENCES.issuperset(map(type, rows)):
            for row in rows:
                if isinstance(row, (dict, set, frozenset, str, bytes)):
                    raise TypeError(f"a row is a tuple or a list, not {row!r}")

    def _first_error(self, batch: Sequence[Any]) -> Exception | None:
        """Return the error of the first row that has one, with a note of its number."""
        for number, row in enumerate(batch, self.count + 1):
            try:
                self._refuse_others([row])
                if len(values := [*row]) != self._width:
                    raise TypeError(f"a row has {self._width} values, not {len(values)}")
                self._convert([values])
            except Exception as error:
                self.add_note(error, number)
                return error
        return None

    @property
    def passed_on(self) -> int:
        """How many rows the database has taken."""
        return self.count - operator.length_hint(self._waiting)

    def add_note(self, error: BaseException, number: int) -> None:
        """Say which row an error is about."""
        error.add_note(f"in row {number} for {self._model.__name__}")

    def run(self, unit: Unit, rows: Iterable[Sequence[Any]]) -> int:
        """Insert ``rows``; return how many were inserted or updated."""
        unit.note_write(self.sql("VALUES ()"), None)
        began = perf_counter()
        try:
            inserted: int = cast("Any", unit.database).insert_rows(self, rows)
        finally:
            unit.bulk_took(perf_counter() - began, self.table, self.count)
        return inserted if self.on_conflict == "skip" else self.count


def execute_many(database: Any, bulk: BulkInsert, rows: Iterable[Sequence[Any]]) -> int:
    """Insert ``rows`` into SQLite; return how many were inserted or updated."""
    marks = ["json(?)" if isinstance(each, peewee.JSONField) else "?" for each in bulk.fields]
    cursor = database.cursor(tracked=True)
    try:
        cursor.executemany(bulk.sql(f"VALUES ({', '.join(marks)})"), bulk.values(rows))
    except sqlite3.Error as error:
        refused = as_peewee_error(error)
        bulk.add_note(refused, bulk.passed_on)
        raise refused from error
    count: int = cursor.rowcount
    return count


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _field(model: type[peewee.Model], column: str | peewee.Field[Any]) -> Any:
    """Return the field of ``model`` that is meant, by itself, by its name or by its column's."""
    name = column.name if isinstance(column, peewee.Field) else column
    found = model._meta.combined.get(name)
    if found is None or (isinstance(column, peewee.Field) and column is not found):
        known = ", ".join(model._meta.sorted_field_names)
        raise ValueError(f"{model.__name__} has no column {name!r}; it has {known}")
    return found


def _converter(
    named: list[Any], defaults: dict[Any, Any]
) -> Callable[[Sequence[Any]], list[tuple[Any, ...]]]:
    """Generate the function that makes a statement's values of those of rows.

    For ``id`` with a default, a text ``name`` and a time ``at`` it is

        lambda rows: [
            (
                name_0 if type(name_0) is type0 or name_0 is None else convert0(name_0),
                convert1(at_1),
                make2(),
            )
            for (name_0, at_1) in rows
        ]

    The text consists of numbers and of the names of fields, which Python found to be identifiers.
    With its number no field has the name of another part, such as ``type``.
    """
    names: dict[str, Any] = {"type": type}
    parameters, parts = list[str](), list[str]()
    for number, field in enumerate(named):
        parameter = f"{field.name}_{number}"
        parameters.append(parameter)
        names |= {f"convert{number}": _to_sql(field), f"type{number}": unchanged_type(field)}
        part = f"convert{number}({parameter})"
        if names[f"type{number}"] is not None:
            is_fit = f"type({parameter}) is type{number} or {parameter} is None"
            part = f"{parameter} if {is_fit} else {part}"
        parts.append(part)
    for number, (field, default) in enumerate(defaults.items(), len(named)):
        convert = names[f"convert{number}"] = _to_sql(field)
        names[f"make{number}"] = default if callable(default) else convert(default)
        parts.append(f"convert{number}(make{number}())" if callable(default) else f"make{number}")
    text = f"lambda rows: [({', '.join(parts)},) for ({', '.join(parameters)},) in rows]"
    made: Callable[[Sequence[Any]], list[tuple[Any, ...]]] = eval(text, names)  # noqa: S307  # see above
    made.__name__ = made.__qualname__ = "rows"
    return made


def _to_sql(field: Any) -> Callable[[Any], Any]:
    convert: Callable[[Any], Any] = (
        _json_text if isinstance(field, peewee.JSONField) else field.db_value
    )
    return convert


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
