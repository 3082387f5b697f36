"""Values that one database has and the other may not store, and values as both have them."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import peewee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from changemaker_core.db.dialects import Dialect

#: The numbers that a column of PostgreSQL can store, by peewee's kinds of columns.
_BITS = {"SMALLINT": 16, "INT": 32, "AUTO": 32, "BIGINT": 64, "BIGAUTO": 64}
_MODULUS = 1 << 256


class Rows:
    """Turns rows of one table into Python values, and says which cannot be stored in ``target``."""

    def __init__(self, fields: Sequence[Any], target: Dialect) -> None:
        self._fields = fields
        self._convert: list[Callable[[Any], Any]] = [field.python_value for field in fields]
        self._checks = [_check_of(field, target) for field in fields]

    def values(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of a row. Raises what the column's conversion does."""
        return [convert(value) for convert, value in zip(self._convert, row, strict=True)]

    def problems(self, row: Sequence[Any]) -> Iterator[tuple[str, str]]:
        """Yield each column whose value cannot be moved, and why."""
        for field, convert, check, raw in zip(
            self._fields, self._convert, self._checks, row, strict=True
        ):
            if raw is None:
                continue
            try:
                problem = check(raw, convert(raw))
            except (ValueError, TypeError, ArithmeticError) as error:
                problem = f"cannot be read: {error}"
            if problem:
                yield field.column_name, problem


def _check_of(field: Any, target: Dialect) -> Callable[[Any, Any], str | None]:
    field = field.rel_field if isinstance(field, peewee.ForeignKeyField) else field
    bits = _BITS.get(field.field_type) if target == "postgresql" else None
    length = field.max_length if isinstance(field, peewee.CharField) else None
    is_json = isinstance(field, peewee.JSONField)

    def check(raw: Any, value: Any) -> str | None:
        if is_json:
            return _json_problem(value)
        if isinstance(value, (bool, int, float)) and raw != value and raw == raw:  # not a number
            return f"is {raw!r}, which is no value of such a column"
        if target == "sqlite":
            return None
        if isinstance(value, str):
            return _text_problem(value, length)
        if bits and isinstance(value, int) and not -(1 << bits - 1) <= value < 1 << bits - 1:
            return f"is {value}, and PostgreSQL stores whole numbers of {bits} bits here"
        return None

    return check


def _text_problem(value: str, length: int | None) -> str | None:
    if "\0" in value:
        return "contains the character NUL, which PostgreSQL cannot store"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "is not valid UTF-8, which PostgreSQL requires"
    if length is not None and len(value) > length:
        return f"has {len(value)} characters, and PostgreSQL stores {length} here"
    return None


def _json_problem(value: Any) -> str | None:
    """Return why JSON cannot be stored. PostgreSQL stores it taken apart, SQLite as text."""
    if value is None:
        return "is the JSON value null, which reads as no value; set the column to NULL"
    for each in _leaves(value):
        if isinstance(each, str):
            if problem := _text_problem(each, None):
                return problem
        elif isinstance(each, float) and not math.isfinite(each):
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
        text = repr([canonical(value) for value in values])
        row = hashlib.sha256(text.encode(errors="surrogateescape")).digest()
        self.count += 1
        self.digest = (self.digest + int.from_bytes(row)) % _MODULUS

    def __str__(self) -> str:
        return f"{self.digest:064x}"


def canonical(value: Any) -> Any:
    """Return a value as text, equal for what both databases take for the same."""
    if isinstance(value, (str, int, float)) or value is None:  # by far the most
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(_plain(value), sort_keys=True)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


def _plain(value: Any) -> Any:
    """Return JSON with one way of writing a number: PostgreSQL writes ``1e2`` as ``100``."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
