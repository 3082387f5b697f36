"""Keyset pagination: a compiled query in one order, read page by page from where the last ended.

A page costs the same wherever it is, and rows that are added meanwhile move none of the others.
"""

from __future__ import annotations

import inspect
import typing
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec
import peewee

from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.reads.queries import Compiled
from changemaker_core.db.reads.rows import field_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from changemaker_core.db.reads.queries import Bound

R = TypeVar("R")

#: The parameters that it adds to those of the query.
_ADDED: Final = ("after_value", "after_key", "page_keys", "page_limit")


class KeysetQuery(Generic[R]):
    """A compiled query in the order of one of its columns, to be read page by page.

    ``sort`` is a field of the query's row, ``-starts_at`` for the reverse; ``key`` is one whose
    value is unique, which decides between equal rows. The query's own order, limit and offset
    do not count. An index on the two columns (after those that are compared with one value) makes
    each page cost the same. Raises ``QueryRefused`` for a field that the row does not have, or
    that may be None: the databases do not agree where it stands.

    >>> by_date = KeysetQuery(queries.events, sort="-starts_at")
    >>> rows = await site.db.all(by_date.page({"place": "Park"}, limit=51, after=position))
    >>> position = by_date.position(rows[49])
    """

    def __init__(self, query: Compiled[Any, R], sort: str, key: str = "id") -> None:
        self.name, self.descending = sort.removeprefix("-"), sort.startswith("-")
        self.key = key
        self._query = query
        self._types = _types_of(query, self.name, key)

    @cached_property
    def _compiled(self) -> Compiled[Any, R]:
        """The query with its order, built when it is first read: a site has hundreds of them."""
        return Compiled(self._function(), self._query.row, self._query.shape)

    def page(
        self,
        arguments: Mapping[str, Any],
        *,
        limit: int | None,
        after: Sequence[Any] | None = None,
        keys: Sequence[Any] | None = None,
    ) -> Bound[R]:
        """Return the query with its ``arguments``, for ``limit`` rows behind the position
        ``after``. Without a limit it has all that follow; with ``keys``, those of them alone."""
        value, key = after if after is not None else (None, None)
        added = dict(zip(_ADDED, (value, key, keys, limit), strict=True))
        return self._compiled(**arguments, **added)

    def position(self, row: R) -> list[Any]:
        """Return where ``row`` stands: ``page(after=…)`` begins behind it."""
        return [getattr(row, self.name), getattr(row, self.key)]

    def read_position(self, values: Sequence[Any]) -> list[Any]:
        """Return a position that was written as JSON; raises ``ValueError`` for anything else."""
        try:
            pairs = zip(values, self._types, strict=True)
            return [msgspec.convert(value, kind, strict=False) for value, kind in pairs]
        except msgspec.ValidationError as error:
            raise ValueError(f"no position of a list sorted by {self.name}: {error}") from None

    def read_key(self, text: Any) -> Any:
        """Return a key that was written as text; raises ``ValueError`` for anything else."""
        try:
            return msgspec.convert(text, self._types[1], strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"no key of a list: {error}") from None

    def _function(self) -> Callable[..., peewee.Query]:
        """Return the function of the query with the order, the position and the limit."""
        base = self._query

        def build(
            *,
            after_value: Any = None,
            after_key: Any = None,
            page_keys: Any = None,
            page_limit: Any = None,
            **arguments: Any,
        ) -> peewee.Query:
            query: Any = base.build(**arguments)
            columns = _columns_of(query, base.row)
            value, key = columns[self.name], columns[self.key]
            if after_key is not None:
                query = query.where(self._behind(value, key, after_value, after_key))
            if page_keys is not None:
                query = query.where(key.in_(page_keys))
            order = [value] if self.name == self.key else [value, key]
            query = query.order_by(*(each.desc() if self.descending else each for each in order))
            ordered: peewee.Query = query.limit(page_limit).offset(None)
            return ordered

        signature = base.signature
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in _ADDED
        ]
        parameters = [*signature.parameters.values(), *added]
        made: Any = build
        made.__signature__ = signature.replace(parameters=parameters)
        kinds = dict(zip(_ADDED, (*self._types, list, int), strict=True))
        made.__annotations__ = {**base.annotations, **kinds}
        made.__module__, made.__qualname__ = base.name.rsplit(".", 1)
        made.__qualname__ += f" by {'-' * self.descending}{self.name}"
        made.__doc__ = base.__doc__
        return build

    def _behind(self, value: Any, key: Any, after_value: Any, after_key: Any) -> Any:
        """Return the condition on rows behind the position. Its first part is a range of an index,
        which neither database makes of the second."""
        less, at_most = ("__lt__", "__le__") if self.descending else ("__gt__", "__ge__")
        behind_key = getattr(key, less)(after_key)
        if self.name == self.key:
            return behind_key
        behind_value = getattr(value, less)(after_value)
        return getattr(value, at_most)(after_value) & (behind_value | behind_key)


def _columns_of(query: Any, row: type[Any]) -> dict[str, Any]:
    """Return what the query selects, by the fields of its row."""
    if not isinstance(query, peewee.Select):
        raise QueryRefused("a query of several selects has no columns to sort by")
    columns = list(query.selected_columns)
    nodes = (each.unwrap() if each.is_alias() else each for each in columns)
    return dict(zip(field_names(row, columns), nodes, strict=True))


def _types_of(query: Compiled[Any, Any], *names: str) -> list[Any]:
    """Return the types of fields of the query's row; raises ``QueryRefused``."""
    row = query.row
    if not (isinstance(row, type) and issubclass(row, msgspec.Struct)):
        raise QueryRefused(f"{query.name}: a list is sorted by a field of its row; use a Struct")
    types = typing.get_type_hints(row)
    for name in names:
        if name not in row.__struct_fields__:
            raise QueryRefused(f"{query.name}: {row.__name__} has no field {name!r} to sort by")
        if type(None) in typing.get_args(types[name]):
            raise QueryRefused(
                f"{query.name}: {name} may be None, and the databases do not agree where it stands"
            )
    return [types[name] for name in names]
