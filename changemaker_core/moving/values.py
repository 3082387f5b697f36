"""Values that one database has and the other may not store, and values as both have them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core.db import UUIDField
from changemaker_core.db.fields import id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from changemaker_core.db.dialects import Dialect

#: The numbers that a column of PostgreSQL can store, by peewee's kinds of columns.
_BITS = {"SMALLINT": 16, "INT": 32, "AUTO": 32, "BIGINT": 64, "BIGAUTO": 64}
_MODULUS = 1 << 256
#: Of these a value is equal on both sides, times in UTC included.
_AS_IT_IS = frozenset({str, int, bool, type(None), datetime})
_encode = msgspec.json.Encoder(order="sorted").encode


class Rows:
    """Turns rows of one table into Python values, and says which cannot be stored in ``target``."""

    def __init__(self, fields: Sequence[Any], target: Dialect) -> None:
        self._columns = [
            (number, field.column_name, _converter_of(field), _check_of(field, target))
            for number, field in enumerate(fields)
        ]
        self._convert = [convert for _, _, convert, _ in self._columns]

    def values(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of a row. Raises what the column's conversion does."""
        return [convert(value) for convert, value in zip(self._convert, row, strict=True)]

    def checked(self, row: Sequence[Any]) -> tuple[list[Any], list[tuple[str, str]]]:
        """Return the values of a row, and each column whose value cannot be moved, with the why."""
        values = list(row)
        problems: list[tuple[str, str]] = []
        for number, name, convert, check in self._columns:
            raw = row[number]
            if raw is None:
                continue
            try:
                values[number] = value = convert(raw)
                problem = check(raw, value) if check is not None else None
            except (ValueError, TypeError, ArithmeticError) as error:
                problem = f"cannot be read: {error}"
            if problem:
                problems.append((name, problem))
        return values, problems


def _converter_of(field: Any) -> Callable[[Any], Any]:
    field = _referred(field)
    # An id may be written in other letters on SQLite, which compares it as text.
    convert: Callable[[Any], Any] = id_text if isinstance(field, UUIDField) else field.python_value
    return convert


def _referred(field: Any) -> Any:
    """Return the column whose values a column has."""
    return field.rel_field if isinstance(field, peewee.ForeignKeyField) else field


def _check_of(field: Any, target: Dialect) -> Callable[[Any, Any], str | None] | None:
    """Return what says why a value of a column cannot be moved, from what the driver returned and
    from the value; None where all can."""
    field = _referred(field)
    if isinstance(field, peewee.JSONField):
        return partial(_json_problem, target)
    if isinstance(field, (peewee.IntegerField, peewee.BooleanField, peewee.FloatField)):
        bits = _BITS.get(field.field_type, 64)
        return partial(_number_problem, 1 << bits - 1 if target == "postgresql" else None, bits)
    if isinstance(field, (peewee.CharField, peewee.TextField)):
        length = field.max_length if isinstance(field, peewee.CharField) else None
        return lambda _, value: _text_problem(target, value, length)
    return None


def _number_problem(limit: int | None, bits: int, raw: Any, value: Any) -> str | None:
    """Return why a number cannot be stored. SQLite stores anything in any column."""
    if raw != value and raw == raw:  # not a number is not equal to itself
        return f"is {raw!r}, which is no value of such a column"
    if limit is not None and isinstance(value, int) and not -limit <= value < limit:
        return f"is {value}, and PostgreSQL stores whole numbers of {bits} bits here"
    return None


def _text_problem(target: Dialect, value: str, length: int | None) -> str | None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "is not valid UTF-8"
    if target == "sqlite":
        return None
    if "\0" in value:
        return "contains the character NUL, which PostgreSQL cannot store"
    if length is not None and len(value) > length:
        return f"has {len(value)} characters, and PostgreSQL stores {length} here"
    return None


def _json_problem(target: Dialect, _raw: Any, value: Any) -> str | None:
    """Return why JSON cannot be stored. PostgreSQL stores it taken apart, SQLite as text."""
    if value is None:
        return "is the JSON value null, which reads as no value; set the column to NULL"
    for each in _leaves(value):
        if isinstance(each, str):
            if problem := _text_problem(target, each, None):
                return problem
        elif target == "postgresql" and isinstance(each, float) and not math.isfinite(each):
            return f"contains {each}, which is not JSON"
    return None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


@dataclass(slots=True)
class Sum:
    """The number of some rows and the sum of their hashes, whatever the order of the rows."""

    count: int = 0
    digest: int = 0

    def add(self, values: Iterable[Any]) -> None:
        """Add a row."""
        # PERF: in C for the types that nearly every value has.
        plain = [each if type(each) in _AS_IT_IS else canonical(each) for each in values]
        row = hashlib.sha256(_encode(plain)).digest()
        self.count += 1
        self.digest = (self.digest + int.from_bytes(row)) % _MODULUS

    def __str__(self) -> str:
        return f"{self.digest:064x}"


def canonical(value: Any) -> Any:
    """Return a value so that it is equal for what both databases take for the same."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, (dict, list)):
        return _plain(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if type(value) in _AS_IT_IS else str(value)


def _plain(value: Any) -> Any:
    """Return JSON with one way of writing a number: PostgreSQL writes ``1e2`` as ``100``."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
