"""Tables as the defined models describe them: names, cascades, primary keys, unique columns."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast
from zlib import crc32

import peewee

from changemaker_core.db.tracking.tags import BUCKETS, bucket_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    #: A value as text that is equal wherever the database takes two values for equal; None for a
    #: value of which that is not certain.
    Canonical = Callable[[Any], str | None]

P = ParamSpec("P")
R = TypeVar("R")

_models: list[weakref.ref[type[peewee.Model]]] = []
_caches: list[Callable[[], None]] = []


def register_model(model: type[peewee.Model]) -> None:
    """Take ``model`` into account from now on. Called when its class is made."""
    _models.append(weakref.ref(model))
    for clear in _caches:
        clear()


def cached(size: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Remember results (``lru_cache``) until the next model is defined."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        remembering = lru_cache(maxsize=size)(function)
        _caches.append(remembering.cache_clear)
        return cast("Callable[P, R]", remembering)

    return decorate


def known_tables() -> frozenset[str]:
    """Return the table names of all models that were defined in this process."""
    return frozenset(_models_by_table())


def defined_models() -> list[type[peewee.Model]]:
    """Return all models that were defined in this process, those of migrations included."""
    return [model for each in _models_by_table().values() for model in each]


def _models_of(table: str) -> list[type[peewee.Model]]:
    """Return the models of a table, given in lower case: migrations have models of their own."""
    return _models_by_table().get(table, [])


@cached(1)
def _models_by_table() -> dict[str, list[type[peewee.Model]]]:
    found: dict[str, list[type[peewee.Model]]] = {}
    for reference in tuple(_models):
        model = reference()
        if model is not None:
            found.setdefault(model._meta.table_name.lower(), []).append(model)
    return found


# Cascades

#: Statements that delete no row, and that change none.
_DELETING_NONE = frozenset({"INSERT", "UPDATE"})
_CHANGING_NONE = frozenset({"INSERT", "DELETE"})


@cached(1024)
def follow_cascades(table: str, verb: str) -> frozenset[str]:
    """Return the tables that change by themselves when rows of ``table`` are written, transitively.

    No cascade follows an ``INSERT``, and an ``UPDATE`` is followed by ``ON UPDATE`` alone. What
    they reach may have been changed or deleted. What triggers write is in ``Meta.also_writes``.
    """
    reached: set[str] = set()
    waiting = _following(
        table, deletes=verb not in _DELETING_NONE, updates=verb not in _CHANGING_NONE
    )
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= _following(name, deletes=True, updates=True)
    return frozenset(reached)


def _following(table: str, *, deletes: bool, updates: bool) -> set[str]:
    models = _models_of(table)
    referring = {
        referrer._meta.table_name.lower()
        for model in models
        for field, referrer in model._meta.backrefs.items()
        if (deletes and field.on_delete) or (updates and field.on_update)
    }
    triggered = {
        name.lower() for model in models for name in getattr(model._meta, "also_writes", ())
    }
    return referring | triggered


# Keys

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
        """Return the tag of the row with this key: its bucket's, or the table's where in doubt."""
        text = self.canonical(value)
        if text is None:
            return self.table
        return self.tags[crc32(text.encode(errors="surrogatepass")) % BUCKETS]


@cached(1024)
def columns_of(table: str) -> Mapping[str, Column]:
    """Return the columns of ``table`` on which all its models agree, by their lower-case names."""
    found: dict[str, Column | None] = {}
    for model in _models_of(table):
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


@cached(1024)
def key_of(table: str) -> Key | None:
    """Return the primary key of ``table``; None where there is none, or it has several columns, or
    models disagree."""
    # A list: peewee cannot compare two keys of several columns, which a set might do.
    keys = [model._meta.primary_key for model in _models_of(table)]
    names = {key.column_name.lower() for key in keys if isinstance(key, peewee.Field)}
    if len(names) != 1 or not all(isinstance(key, peewee.Field) for key in keys):
        return None
    (name,) = names
    column = columns_of(table).get(name)
    return column and Key(table, name, column.canonical, bucket_tags(table))
