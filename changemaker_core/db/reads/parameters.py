"""Parameters of compiled queries: they stand for arguments while the query is built."""

from __future__ import annotations

import functools
import json
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace, UnionType
from typing import Any, NoReturn, Union
from uuid import UUID

import peewee

from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.fields import JSONField, id_text, refuse_argument, utc_text

Converter = Callable[[Any], Any]

_PLAIN: dict[type, Converter | None] = {
    bool: None,
    int: None,
    float: None,
    str: None,
    bytes: None,
    date: None,
    Decimal: None,
    datetime: utc_text,
    UUID: id_text,
}
_LITERALS = (bool, int, float, str, bytes, bytearray, memoryview, date, Decimal, type(None))
_KNOWN_NAMES = {"datetime": datetime, "date": date, "Decimal": Decimal, "UUID": UUID, "UTC": UTC}


class Param(peewee.ColumnBase):
    """Stands for the argument ``name``, and records the converter of the column that it meets.

    It has no value while the query is built, so that using it as one raises ``QueryRefused``.
    """

    stands_for_argument = True

    def __init__(self, name: str, annotation: Any = None, convert: Converter | None = None) -> None:
        self.name = name
        self.annotation = annotation
        self.convert = convert

    def __sql__(self, ctx: Any) -> Any:
        ctx._values.append(Param(self.name, self.annotation, self._converter_for(ctx)))
        return ctx.literal(ctx.state.param or "?")

    def _converter_for(self, ctx: Any) -> Converter | None:
        column = ctx.state.converter
        if column:
            return self._of_column(column)
        kind = plain_type(self.annotation)
        if kind not in _PLAIN:
            raise QueryRefused(
                f"the type of {self.name!r} is not known here: compare it with a column, or"
                " annotate it as one of bool, int, float, str, bytes, date, datetime, Decimal"
            )
        return _PLAIN[kind]

    def _of_column(self, convert: Converter) -> Converter | None:
        if isinstance(getattr(convert, "__self__", None), JSONField):
            refuse_argument(self)
        return convert

    def _compare(self, op: str, other: Any) -> peewee.Expression:
        if not isinstance(other, peewee.Node):
            self._refuse()
        return peewee.Expression(self, op, other)

    def __eq__(self, other: object) -> Any:
        return self._compare("=", other)

    def __ne__(self, other: object) -> Any:
        return self._compare("!=", other)

    def __lt__(self, other: Any) -> Any:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Any:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(">=", other)

    def _refuse(self, *_: object) -> NoReturn:
        raise QueryRefused(
            f"{self.name!r} has no value while the query is built; only whether it is None is"
            f" known. Name it in shape=({self.name!r},) to build one query for each of its values"
        )

    __bool__ = __iter__ = __len__ = __index__ = __int__ = __float__ = __contains__ = _refuse
    __str__ = __format__ = __getitem__ = _refuse
    # Looked up in a dict or set it would never be found; as a text it has no beginning.
    __hash__ = startswith = endswith = _refuse  # type: ignore[assignment]  # as above

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(str, name):
            self._refuse()
        raise AttributeError(f"{self!r} has no attribute {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"Param({self.name!r})"


class QueryContext(peewee.Context):
    """Writes the SQL of compiled queries: as peewee does, and ``column.in_(param)``.

    A list has one text, whatever its length: on PostgreSQL an array, on SQLite a JSON array.
    """

    _values: list[Any]

    def sql(self, obj: Any) -> Any:
        """Add the SQL of a node."""
        if isinstance(obj, peewee.Expression) and isinstance(obj.rhs, Param):
            if obj.op in (peewee.OP.IN, peewee.OP.NOT_IN):
                return self._list(obj.lhs, obj.rhs, negated=obj.op == peewee.OP.NOT_IN)
        return super().sql(obj)  # type: ignore[no-untyped-call]  # peewee's stub

    def _list(self, column: Any, param: Param, *, negated: bool) -> Any:
        field = column.unwrap() if isinstance(column, peewee.WrappedNode) else column
        if not isinstance(field, peewee.Field):
            raise QueryRefused(f"{param.name!r} is a list: compare it with a column, by .in_()")
        if isinstance(field, JSONField):
            refuse_argument(param)
        state: Any = self.state
        if state.param == "%s":
            kind = state.field_types.get(field.field_type, field.field_type)
            kind = {"SERIAL": "INTEGER", "BIGSERIAL": "BIGINT"}.get(kind, kind)
            text = f" {'<> ALL' if negated else '= ANY'}(%s::{kind}[])"
            convert: Converter = functools.partial(_list, field.db_value)
        else:
            text = f" {'NOT ' * negated}IN (SELECT value FROM json_each(?))"  # noqa: S608  # no value
            convert = functools.partial(_json_list, field.db_value)
        with self(parentheses=True, in_expr=True):
            self.sql(column).literal(text)
        self._values.append(Param(param.name, param.annotation, convert))
        return self


def _list(convert: Converter, values: Iterable[Any]) -> list[Any]:
    return [convert(value) for value in values]


def _json_list(convert: Converter, values: Iterable[Any]) -> str:
    return json.dumps([convert(value) for value in values])


def check_literal(value: object) -> None:
    """Raise ``QueryRefused`` for a constant that the two databases may not take alike."""
    if isinstance(value, datetime):
        utc_text(value)
    if isinstance(value, _LITERALS) or type(value).__module__.startswith("psycopg2"):
        return
    raise QueryRefused(f"{value!r} in a query has no type that both databases know")


def plain_type(annotation: Any) -> Any:
    """Return ``int`` for ``int | None`` and ``Optional[int]``, ``str`` for ``Literal["a"]``."""
    origin = typing.get_origin(annotation)
    if origin in (Union, UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return plain_type(kinds[0]) if len(kinds) == 1 else None
    if origin is typing.Literal:
        kinds = list({type(value) for value in typing.get_args(annotation)})
        return kinds[0] if len(kinds) == 1 else None
    return annotation


def value_of(annotation: Any) -> Any:
    """Return a value of this type to try a query with: the first of its values, or an empty one."""
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation), None)
    return annotation() if annotation in (bool, int, float, str, bytes) else None


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of parameters, without those that cannot be resolved here."""
    found: dict[str, Any] = {}
    for name, annotation in function.__annotations__.items():
        one = SimpleNamespace(__annotations__={name: annotation})
        names: Mapping[str, Any] = {**_KNOWN_NAMES, **getattr(function, "__globals__", {})}
        try:
            found |= typing.get_type_hints(one, globalns=dict(names))
        except (NameError, AttributeError):  # imported for type checking only
            continue
    return found
