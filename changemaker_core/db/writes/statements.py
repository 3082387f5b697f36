"""SQL that was built once, and how values are bound to it.

peewee builds the text of a *form* with marks in place of values, so that the text cannot depend on
them. Each mark notes how peewee would convert the value that belongs there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import peewee

from changemaker_core.db.writes.expressions import NotPlain

#: Makes what stands for the next value, given its converter; without one the column's is taken.
NextMark = Callable[[Any], Any]
#: The numbers of values that a function is written around, with its name.
Wrapped = tuple[tuple[int, str], ...]

#: What these conversions answer as it is.
_UNCHANGED: dict[Any, type] = {
    peewee.CharField.adapt: str,
    peewee.IntegerField.adapt: int,
    peewee.FloatField.adapt: float,
    peewee.BooleanField.adapt: bool,
}


class Form(Protocol):
    """All that the SQL of a write depends on, beside the model and the kind of database."""

    def query(self, model: Any, mark: NextMark) -> Any:
        """peewee's query, with a mark for each value, in the order of the values."""

    def defaults(self, model: Any) -> list[Any]:
        """Values, or functions that make them, which come after those that were given."""


class Statement:
    """One form of write to one model on one kind of database."""

    __slots__ = ("_defaults", "_form", "_model", "_slots", "_texts")

    def __init__(self, database: peewee.Database, model: Any, form: Form) -> None:
        self._form = form
        self._model = model
        self._defaults = tuple(form.defaults(model))
        sql, marks = self._build(database, ())
        self._slots = [(number, _unchanged(convert), convert) for number, convert in marks]
        self._texts: dict[Wrapped, str] = {(): sql}

    def bind(self, database: peewee.Database, values: list[Any]) -> tuple[str, list[Any]]:
        """The SQL and its parameters. Raises ``NotPlain``."""
        values += self._made_defaults()
        bound = []
        wrapped: Wrapped = ()
        for number, unchanged, convert in self._slots:
            value = values[number]
            if type(value) is not unchanged and convert is not None:
                value = convert(value)
                if isinstance(value, peewee.Node):
                    function, value = _unwrap(value)
                    wrapped += ((number, function),)
            bound.append(value)
        return self._texts.get(wrapped) or self._text(database, wrapped), bound

    def _made_defaults(self) -> list[Any]:
        made = [each() if callable(each) else each for each in self._defaults]
        if any([isinstance(each, peewee.Node) for each in made]):
            raise NotPlain  # to be written as SQL, and no value to be converted
        return made

    def _text(self, database: peewee.Database, wrapped: Wrapped) -> str:
        sql, _ = self._build(database, wrapped)
        return self._texts.setdefault(wrapped, sql)

    def _build(self, database: peewee.Database, wrapped: Wrapped) -> tuple[str, Any]:
        query = self._form.query(self._model, _marks(dict(wrapped)))
        sql, marks = database.get_sql_context().parse(query)
        return sql, marks


class _Mark(peewee.Value):
    """Leaves its number and its converter where a value would be."""

    def __init__(self, number: int, convert: Any) -> None:
        super().__init__(None, converter=convert)
        self.number = number

    def __sql__(self, ctx: Any) -> Any:
        ctx._values.append((self.number, self.converter or ctx.state.converter))
        return ctx.literal(ctx.state.param or "?")


def _marks(functions: dict[int, str]) -> NextMark:
    numbers = itertools.count()

    def mark(convert: Any) -> Any:
        number = next(numbers)
        plain = _Mark(number, convert)
        name = functions.get(number)
        return plain if name is None else peewee.Function(name, (plain,))

    return mark


def _unchanged(convert: Any) -> type | None:
    """The type whose values ``convert`` answers as they are; None where that is not known."""
    field = getattr(convert, "__self__", None)
    if not isinstance(field, peewee.Field) or type(field).db_value is not peewee.Field.db_value:
        return None
    return _UNCHANGED.get(type(field).adapt)


def _unwrap(node: peewee.Node) -> tuple[str, Any]:
    """``json(?)``, which a JSON column on SQLite makes of a value, as its name and the value."""
    function = vars(node) if type(node) is peewee.Function else {}
    arguments = function.get("arguments", ())
    if len(arguments) != 1 or type(arguments[0]) is not str:
        raise NotPlain
    if function["_filter"] is not None or function["_order_by"] is not None:
        raise NotPlain
    return function["name"], arguments[0]
