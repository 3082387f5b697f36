"""Compiled SQL, how arguments are bound to it, and how its rows become typed values."""

from __future__ import annotations

import functools
import inspect
import json
import typing
from datetime import datetime
from itertools import starmap
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.fields import JSONField, UtcField, UUIDField, read_utc
from changemaker_core.db.params import Param, check_literal, plain_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from changemaker_core.db.dialects import Dialect

    Converter = Callable[[Any], Any]
    Rows = Callable[[list[tuple[Any, ...]]], list[Any]]

#: Fields whose values come out of both drivers as they should be.
_READY = (
    peewee.TextField,
    peewee.CharField,
    peewee.FixedCharField,
    peewee.IntegerField,
    peewee.BigIntegerField,
    peewee.SmallIntegerField,
    peewee.AutoField,
    peewee.BigAutoField,
    peewee.FloatField,
    peewee.DoubleField,
    UUIDField,
)


class Plan:
    """One SQL text of a compiled query for one dialect."""

    __slots__ = ("_slots", "name", "rows", "sql", "tables")

    def __init__(
        self, name: str, sql: str, values: Sequence[Any], tables: frozenset[str], rows: Rows
    ) -> None:
        self.name = name
        self.sql = sql
        self.tables = tables
        self.rows = rows
        self._slots = tuple(map(_slot, values))

    def bind(self, arguments: Mapping[str, Any]) -> list[Any]:
        """The statement's values for these arguments, each through its column's conversion."""
        return [
            constant
            if name is None
            else arguments[name]
            if convert is None
            else convert(arguments[name])
            for name, convert, constant in self._slots
        ]


def _slot(value: Any) -> tuple[str | None, Converter | None, Any]:
    if isinstance(value, Param):
        return value.name, value.convert, None
    check_literal(value)
    return None, None, value


def row_maker(row: Any, columns: Sequence[Any], dialect: Dialect) -> Rows:
    """What turns a statement's tuples into values of type ``row``.

    ``row`` is a msgspec Struct whose fields are named as the columns are, or a plain type for a
    query of one column.
    """
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        return _struct_rows(row, columns, dialect)
    if len(columns) != 1:
        raise QueryRefused(f"{len(columns)} columns do not fit into {row!r}; use a Struct")
    return functools.partial(_scalars, _converter(columns[0], row, dialect))


def _scalars(convert: Converter | None, rows: list[tuple[Any, ...]]) -> list[Any]:
    if convert is None:
        return [value for (value,) in rows]
    return [value if value is None else convert(value) for (value,) in rows]


def _struct_rows(struct: type[msgspec.Struct], columns: Sequence[Any], dialect: Dialect) -> Rows:
    positions = _positions(struct, columns)
    types = typing.get_type_hints(struct)
    fields = [name for name in struct.__struct_fields__ if name in positions]
    order = [positions[name] for name in fields]
    converters = [_converter(columns[positions[name]], types[name], dialect) for name in fields]
    steps = [(index, convert) for index, convert in enumerate(converters) if convert]
    make = _maker(struct, fields)
    pick = None if order == list(range(len(columns))) else _picker(order)
    return functools.partial(_make_rows, make, pick, steps)


def _make_rows(
    make: Callable[..., Any],
    pick: Callable[[Any], Any] | None,
    steps: list[tuple[int, Converter]],
    rows: list[tuple[Any, ...]],
) -> list[Any]:
    picked = rows if pick is None else map(pick, rows)
    if not steps:
        return list(starmap(make, picked))
    made = []
    for row in picked:
        values = list(row)
        for index, convert in steps:
            if values[index] is not None:
                values[index] = convert(values[index])
        made.append(make(*values))
    return made


def _picker(order: list[int]) -> Callable[[Any], Any]:
    if len(order) == 1:
        return lambda row: (row[order[0]],)
    return itemgetter(*order)


def _maker(struct: type[msgspec.Struct], fields: list[str]) -> Callable[..., Any]:
    if fields == _positional(struct)[: len(fields)]:
        return struct
    return lambda *values: struct(**dict(zip(fields, values, strict=True)))


def _positional(struct: type[msgspec.Struct]) -> list[str]:
    parameters = inspect.signature(struct).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _positions(struct: type[msgspec.Struct], columns: Sequence[Any]) -> dict[str, int]:
    positions: dict[str, int] = {}
    for index, column in enumerate(columns):
        names = _names(column)
        name = next((name for name in names if name in struct.__struct_fields__), None)
        if name is None or name in positions:
            why = "twice" if name else f"but {struct.__name__} has no such field"
            raise QueryRefused(f"the query selects {names[0]!r} {why}")
        positions[name] = index
    _check_complete(struct, positions)
    return positions


def _check_complete(struct: type[msgspec.Struct], positions: Mapping[str, int]) -> None:
    missing = [
        field.name
        for field in msgspec.structs.fields(struct)
        if field.required and field.name not in positions
    ]
    if missing:
        raise QueryRefused(f"{struct.__name__} needs {', '.join(missing)}, which is not selected")


def _names(column: Any) -> list[str]:
    """The names that a selected column answers to."""
    if column.is_alias():
        return [column._alias]
    node = column.unwrap()
    if isinstance(node, peewee.ForeignKeyField):
        return [node.object_id_name, node.name]
    if isinstance(node, peewee.Field):
        return [node.name]
    raise QueryRefused(f"{node!r} is selected without a name; add .alias(…)")


def _converter(column: Any, annotation: Any, dialect: Dialect) -> Converter | None:
    node = column.unwrap()
    if isinstance(node, peewee.Field) and column._coerce:
        return _field_converter(node, annotation, dialect)
    if isinstance(node, peewee.JSONPath):
        return _BY_TYPE.get(annotation) if _is_text(node) else _json_converter(annotation, dialect)
    if getattr(column, "_converter", None):
        return typing.cast("Converter", column._converter)
    return _BY_TYPE.get(plain_type(annotation))


def _is_text(path: Any) -> bool:
    return bool(path._as_text)


def _field_converter(field: Any, annotation: Any, dialect: Dialect) -> Converter | None:
    while isinstance(field, peewee.ForeignKeyField):
        field = field.rel_field
    if type(field) in _READY:
        return None
    if isinstance(field, JSONField):
        return _json_converter(annotation, dialect)
    if isinstance(field, UtcField):
        return read_utc
    if isinstance(field, peewee.BooleanField):
        return bool if dialect == "sqlite" else None
    return typing.cast("Converter", field.python_value)


def _json_converter(annotation: Any, dialect: Dialect) -> Converter | None:
    """JSON checked against the Struct's annotation. psycopg2 has parsed it already."""
    if dialect == "sqlite":
        if annotation is Any:
            return json.loads
        return msgspec.json.Decoder(annotation).decode
    return None if annotation is Any else functools.partial(msgspec.convert, type=annotation)


_BY_TYPE: dict[Any, Converter] = {datetime: read_utc, bool: bool, int: int, float: float}
