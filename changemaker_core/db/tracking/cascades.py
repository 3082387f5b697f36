"""What the models say about tables: their names, and which rows go when others go."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee

_roots: list[type[peewee.Model]] = []


def register_root(model: type[peewee.Model]) -> None:
    """Look at ``model`` and everything that derives from it."""
    _roots.append(model)


def forget_models() -> None:
    """A model was defined: what was found before may be incomplete."""
    _models_by_table.cache_clear()
    follow_cascades.cache_clear()


def known_tables() -> frozenset[str]:
    """The table names of all models that were defined in this process."""
    return frozenset(_models_by_table())


def models_of(table: str) -> list[type[peewee.Model]]:
    """The models of ``table``, whose name is in lower case: migrations have models of their own."""
    return _models_by_table().get(table, [])


@lru_cache(maxsize=1)
def _models_by_table() -> dict[str, list[type[peewee.Model]]]:
    found: dict[str, list[type[peewee.Model]]] = {}
    waiting = list(_roots)
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model not in _roots:
            found.setdefault(model._meta.table_name.lower(), []).append(model)
    return found


#: Statements that delete no row, and that change none.
_KEEPING = frozenset({"INSERT", "UPDATE"})
_STILL = frozenset({"INSERT", "DELETE"})


@lru_cache(maxsize=1024)
def follow_cascades(table: str, verb: str) -> frozenset[str]:
    """The tables that change by themselves when rows of ``table`` change or go, transitively.

    Nothing follows an ``INSERT``, and an ``UPDATE`` is followed by ``ON UPDATE`` alone. What they
    reach may have been changed or deleted.
    """
    reached: set[str] = set()
    waiting = _referring(table, deletes=verb not in _KEEPING, updates=verb not in _STILL)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= _referring(name, deletes=True, updates=True)
    return frozenset(reached)


def _referring(table: str, *, deletes: bool, updates: bool) -> set[str]:
    return {
        referrer._meta.table_name.lower()
        for model in models_of(table)
        for field, referrer in model._meta.backrefs.items()
        if (deletes and field.on_delete) or (updates and field.on_update)
    }
