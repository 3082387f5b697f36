"""Typed rows of what a driver returns.

For each plan one function is generated that makes all rows. For ``SELECT id, starts_at`` and a
Struct with these two fields it is, on PostgreSQL,

    lambda rows: [row(id=c0, starts_at=None if c1 is None else read1(c1)) for c0, c1, in rows]
"""

from __future__ import annotations

import json
import typing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.fields import JSONField, UtcField, UUIDField, read_utc
from changemaker_core.db.reads.parameters import plain_type

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from changemaker_core.db.dialects import Dialect

    Converter = Callable[[Any], Any]
    MakeRows = Callable[[list[tuple[Any, ...]]], list[Any]]

#: Fields whose values both drivers return as they should be.
_UNCHANGED = (
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
#: ``read_utc`` written out: for a row of ten columns the call alone would be a third of the work.
#: The text that this project writes is in UTC; whatever else stands there becomes it.
_READ_UTC: dict[Dialect, str] = {
    "sqlite": "moment if (moment := parse({0})).tzinfo is UTC else moment.astimezone(UTC)",
    "postgresql": "{0} if {0}.tzinfo is UTC else {0}.astimezone(UTC)",
}


def row_maker(row: Any, columns: Sequence[Any], dialect: Dialect) -> MakeRows:
    """Return the function that makes values of type ``row`` of a statement's tuples.

    ``row`` is a msgspec Struct whose fields are named as the columns are, or a plain type for a
    query of one column.
    """
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        return _structs(row, columns, dialect)
    if len(columns) != 1:
        raise QueryRefused(f"{len(columns)} columns do not fit into {row!r}; use a Struct")
    convert = _converter(columns[0], row, dialect)
    return _generated(_value(0, convert, dialect), [convert], row)


def _structs(row: type[msgspec.Struct], columns: Sequence[Any], dialect: Dialect) -> MakeRows:
    fields = field_names(row, columns)
    types = typing.get_type_hints(row)
    pairs = zip(fields, columns, strict=True)
    converters = [_converter(column, types[field], dialect) for field, column in pairs]
    values = (_value(index, convert, dialect) for index, convert in enumerate(converters))
    arguments = ", ".join(map("=".join, zip(fields, values, strict=True)))
    return _generated(f"row({arguments})", converters, row)


def _value(index: int, convert: Converter | None, dialect: Dialect) -> str:
    """Return the expression for one column's value. NULL, which a join may bring, is None."""
    cell = f"c{index}"
    if convert is None:
        return cell
    read = _READ_UTC[dialect].format(cell) if convert is read_utc else f"read{index}({cell})"
    return f"None if {cell} is None else {read}"


def _generated(value: str, converters: Sequence[Converter | None], row: Any) -> MakeRows:
    # The text consists of numbers and of the names of fields, which Python found to be identifiers.
    names = {"row": row, "parse": datetime.fromisoformat, "UTC": UTC}
    names |= {f"read{index}": convert for index, convert in enumerate(converters)}
    cells = "".join(f"c{index}, " for index in range(len(converters)))
    text = f"lambda rows: [{value} for {cells}in rows]"
    return typing.cast("MakeRows", eval(text, names))  # noqa: S307  # see above


def field_names(struct: type[msgspec.Struct], columns: Sequence[Any]) -> list[str]:
    """Return the fields that the columns fill, in the columns' order."""
    fields: list[str] = []
    for column in columns:
        names = _names(column)
        name = next((name for name in names if name in struct.__struct_fields__), None)
        if name is None or name in fields:
            why = "twice" if name else f"but {struct.__name__} has no such field"
            raise QueryRefused(f"the query selects {names[0]!r} {why}")
        fields.append(name)
    _check_complete(struct, fields)
    return fields


def _check_complete(struct: type[msgspec.Struct], selected: Collection[str]) -> None:
    missing = [
        field.name
        for field in msgspec.structs.fields(struct)
        if field.required and field.name not in selected
    ]
    if missing:
        raise QueryRefused(f"{struct.__name__} needs {', '.join(missing)}, which is not selected")


def _names(column: Any) -> list[str]:
    """Return the names that a selected column may have in a Struct."""
    # A subquery has its alias itself; any other expression is wrapped in one.
    if column.is_alias() or (isinstance(column, peewee.SelectBase) and _alias_of(column)):
        return [_alias_of(column)]
    node = column.unwrap()
    if isinstance(node, peewee.ForeignKeyField):
        return [node.object_id_name, node.name]
    if isinstance(node, (peewee.Field, peewee.Column)):
        return [node.name]
    raise QueryRefused(f"{node!r} is selected without a name; add .alias(…)")


def _alias_of(column: Any) -> str:
    return str(column._alias or "")


def _converter(column: Any, annotation: Any, dialect: Dialect) -> Converter | None:
    node = column.unwrap()
    if isinstance(node, peewee.Field) and column._coerce:
        return _field_converter(node, annotation, dialect)
    if isinstance(node, peewee.JSONPath):
        return _BY_TYPE.get(annotation) if _is_text(node) else _json_converter(annotation)
    if getattr(column, "_converter", None):
        return typing.cast("Converter", column._converter)
    return _BY_TYPE.get(plain_type(annotation))


def _is_text(path: Any) -> bool:
    return bool(path._as_text)


def _field_converter(field: Any, annotation: Any, dialect: Dialect) -> Converter | None:
    while isinstance(field, peewee.ForeignKeyField):
        field = field.rel_field
    if type(field) in _UNCHANGED:
        return None
    if isinstance(field, JSONField):
        return _json_converter(annotation)
    if isinstance(field, UtcField):
        return read_utc
    if isinstance(field, peewee.BooleanField):
        return bool if dialect == "sqlite" else None
    return typing.cast("Converter", field.python_value)


def _json_converter(annotation: Any) -> Converter:
    """Return the decoder of JSON text that checks it against the Struct's annotation."""
    return json.loads if annotation is Any else msgspec.json.Decoder(annotation).decode


_BY_TYPE: dict[Any, Converter] = {datetime: read_utc, bool: bool, int: int, float: float}
