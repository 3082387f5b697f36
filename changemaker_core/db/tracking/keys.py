"""By which values the rows of a table are identified, as its models say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import peewee

from changemaker_core.db.tracking.cascades import models_of
from changemaker_core.db.tracking.tags import BUCKETS, row_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    #: A value as text that is equal wherever the database takes two values for equal; None for a
    #: value of which that is not certain.
    Canonical = Callable[[Any], str | None]

_HEX_DIGITS = 32


def _id(value: Any) -> str | None:
    """PostgreSQL reads an id with its hyphens anywhere, and in either case."""
    text = value.replace("-", "").lower() if type(value) is str else ""
    return text if len(text) == _HEX_DIGITS else None


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _number(value: Any) -> str | None:
    return str(value) if type(value) is int else None


#: By peewee's names of column types. Of others it is not known here when two values are equal.
_CANONICAL: dict[str, Canonical] = {
    "UUID": _id,
    "VARCHAR": _text,
    "TEXT": _text,
    **dict.fromkeys(("INT", "SMALLINT", "BIGINT", "AUTO", "BIGAUTO"), _number),
}


class Column(NamedTuple):
    """A column whose values are compared as they are, without a collation."""

    canonical: Canonical
    is_key: bool
    is_unique: bool


@dataclass(frozen=True, slots=True)
class Key:
    """The primary key of a table: one column."""

    table: str
    column: str
    canonical: Canonical
    tags: tuple[str, ...]

    def tag(self, value: Any) -> str:
        """The tag of the row with this key: its bucket's, or the table's where in doubt."""
        text = self.canonical(value)
        if text is None:
            return self.table
        return self.tags[crc32(text.encode(errors="surrogatepass")) % BUCKETS]


@lru_cache(maxsize=1024)
def columns_of(table: str) -> Mapping[str, Column]:
    """The columns of ``table``, by their names in lower case, on which all its models agree."""
    found: dict[str, Column | None] = {}
    for model in models_of(table):
        for field in model._meta.sorted_fields:
            name, column = field.column_name.lower(), _column(field)
            found[name] = column if found.get(name, column) == column else None
    return {name: column for name, column in found.items() if column is not None}


def _column(field: peewee.Field[Any]) -> Column | None:
    target = field
    while isinstance(target, peewee.ForeignKeyField):
        target = target.rel_field
    canonical = _CANONICAL.get(target.field_type)
    if canonical is None or any(each.collation or each.constraints for each in (field, target)):
        return None
    is_key = bool(field.primary_key)
    return Column(canonical, is_key, is_key or bool(field.unique))


@lru_cache(maxsize=1024)
def key_of(table: str) -> Key | None:
    """The primary key of ``table``; None where it is none, or several columns, or in doubt."""
    # A list: peewee cannot compare two keys of several columns, which a set might do.
    keys = [model._meta.primary_key for model in models_of(table)]
    names = {key.column_name.lower() for key in keys if isinstance(key, peewee.Field)}
    if len(names) != 1 or not all(isinstance(key, peewee.Field) for key in keys):
        return None
    (name,) = names
    column = columns_of(table).get(name)
    return column and Key(table, name, column.canonical, row_tags(table))


def forget_keys() -> None:
    """A model was defined: what was found before may be incomplete."""
    columns_of.cache_clear()
    key_of.cache_clear()
