"""Patterns of plain writes: the SQL of each is built once, and values are bound to it.

A pattern is everything that the SQL depends on beside the model and the kind of database. peewee
gets marks in place of values, so that the text cannot depend on them. Each mark records how peewee
would convert the value that belongs there.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import peewee

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Makes the mark for the next value, which is a column's, or compared with or added to one.
NextMark = Callable[[Any], Any]

#: A condition: a column's name, an operator, and the length of the list where it has one.
Comparison = tuple[str, str, int | None]

#: Conversions that return these types as they are.
_UNCHANGED: dict[Any, type] = {
    peewee.CharField.adapt: str,
    peewee.IntegerField.adapt: int,
    peewee.FloatField.adapt: float,
    peewee.BooleanField.adapt: bool,
}


class NotPlain(Exception):
    """The write has parts for which peewee has to build the SQL each time."""


class InsertPattern(NamedTuple):
    """An insert of one row with these columns.

    ``conflict`` is the action that skips a row, and the columns whose conflicts it is about.
    """

    names: tuple[str, ...]
    conflict: tuple[str, tuple[str, ...] | None] | None
    returning: bool

    def defaults(self, model: Any) -> list[Any]:
        """Return the defaults of all other columns that have one."""
        return [model._meta.defaults[field] for field in self._unnamed(model)]

    def query(self, model: Any, mark: NextMark) -> Any:
        """Return peewee's query, with a mark for each value, in their order."""
        fields = [*_fields(model, self.names), *self._unnamed(model)]
        query: Any = peewee.ModelInsert(model, {field: mark(field) for field in fields})
        if self.conflict is not None:
            action, target = self.conflict
            columns = None if target is None else _fields(model, target)
            query = query.on_conflict(action, conflict_target=columns)
        query._returning = query._pk_returning() if self.returning else None
        return query

    def _unnamed(self, model: Any) -> list[Any]:
        return [field for field in model._meta.defaults if field.name not in self.names]


class UpdatePattern(NamedTuple):
    """An update of columns, each to a value (None) or to ``(column, operator)`` and a value."""

    names: tuple[str, ...]
    steps: tuple[tuple[str, str] | None, ...]
    where: tuple[Comparison, ...]

    def defaults(self, model: Any) -> list[Any]:
        """Return none: other columns stay as they are."""
        return []

    def query(self, model: Any, mark: NextMark) -> Any:
        """Return peewee's query, with a mark for each value, in their order."""
        update = {}
        for field, step in zip(_fields(model, self.names), self.steps, strict=True):
            if step is None:
                update[field] = mark(field)
            else:
                column = model._meta.fields[step[0]]
                update[field] = peewee.Expression(column, step[1], mark(column))
        return peewee.ModelUpdate(model, update, where=_condition(self.where, model, mark))


class DeletePattern(NamedTuple):
    """A delete of the rows that meet all of these conditions."""

    where: tuple[Comparison, ...]

    def defaults(self, model: Any) -> list[Any]:
        """Return none: nothing is inserted."""
        return []

    def query(self, model: Any, mark: NextMark) -> Any:
        """Return peewee's query, with a mark for each value, in their order."""
        return peewee.ModelDelete(model, where=_condition(self.where, model, mark))


Pattern = InsertPattern | UpdatePattern | DeletePattern


def _fields(model: Any, names: Iterable[str]) -> list[Any]:
    return [model._meta.fields[name] for name in names]


def _condition(where: tuple[Comparison, ...], model: Any, mark: NextMark) -> Any:
    parts = []
    for name, sign, length in where:
        field = model._meta.fields[name]
        value = mark(field) if length is None else [mark(field) for _ in range(length)]
        parts.append(peewee.Expression(field, sign, value))
    return functools.reduce(operator.and_, parts)


class CompiledWrite:
    """The SQL of one pattern of writes to one model on one kind of database."""

    __slots__ = ("_defaults", "_slots", "_sql")

    def __init__(self, database: peewee.Database, model: Any, pattern: Pattern) -> None:
        numbers = itertools.count()
        query = pattern.query(model, lambda field: _mark(next(numbers), field))
        self._sql, marks = database.get_sql_context().parse(query)
        self._slots = [(mark.number, unchanged_type(mark.field), mark.convert) for mark in marks]
        self._defaults = tuple(pattern.defaults(model))

    def bind(self, values: list[Any]) -> tuple[str, list[Any]]:
        """Return the SQL and its parameters. Raises ``NotPlain``."""
        defaults = [each() if callable(each) else each for each in self._defaults]
        if any([isinstance(each, peewee.Node) for each in defaults]):
            raise NotPlain  # to be written as SQL
        values += defaults
        bound = []
        for number, unchanged, convert in self._slots:
            value = values[number]
            if type(value) is not unchanged:
                value = convert(value)
                if isinstance(value, peewee.Node):
                    raise NotPlain
            bound.append(value)
        return self._sql, bound


class _Mark(peewee.Value):
    """Takes a value's place in a query, and then among its parameters."""

    def __init__(self, number: int, field: Any, convert: Callable[[Any], Any]) -> None:
        super().__init__(None)
        self.number = number
        self.field = field
        self.convert = convert

    def __sql__(self, ctx: Any) -> Any:
        ctx._values.append(self)
        return ctx.literal(ctx.state.param or "?")


def _mark(number: int, field: Any) -> peewee.Node:
    """Return a mark, within ``json(…)`` where the database's JSON columns need it."""
    wrapping = field.db_value({}) if isinstance(field, peewee.JSONField) else None
    if not isinstance(wrapping, peewee.Function):
        return _Mark(number, field, field.db_value)
    text: Callable[[Any], Any] = lambda value: (  # noqa: E731
        None if value is None else field.db_value(value).arguments[0]
    )
    return peewee.Function(wrapping.name, (_Mark(number, field, text),))


def unchanged_type(field: Any) -> type | None:
    """Return the type whose values the column takes as they are; None where it is not known."""
    if type(field).db_value is not peewee.Field.db_value:
        return None
    return _UNCHANGED.get(type(field).adapt)
