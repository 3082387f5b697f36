"""Forms of plain writes: all that their SQL depends on, beside the model and the database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import peewee

from changemaker_core.db.writes.expressions import VALUE, Shape, node_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.db.writes.statements import NextMark


class InsertForm(NamedTuple):
    """An insert of these columns.

    ``conflict`` is the action that skips a row, and the columns whose conflicts it is about.
    """

    names: tuple[str, ...]
    conflict: tuple[str, tuple[str, ...] | None] | None
    returning: bool

    def defaults(self, model: Any) -> list[Any]:
        """The defaults of all other columns that have one."""
        return [model._meta.defaults[field] for field in self._unnamed(model)]

    def query(self, model: Any, mark: NextMark) -> Any:
        """peewee's query."""
        fields = [*_fields(model, self.names), *self._unnamed(model)]
        query: Any = peewee.ModelInsert(model, {field: mark(field.db_value) for field in fields})
        if self.conflict is not None:
            action, target = self.conflict
            columns = None if target is None else _fields(model, target)
            query = query.on_conflict(action, conflict_target=columns)
        query._returning = query._pk_returning() if self.returning else None
        return query

    def _unnamed(self, model: Any) -> list[Any]:
        return [field for field in model._meta.defaults if field.name not in self.names]


class UpdateForm(NamedTuple):
    """An update of these columns to values or expressions of these shapes."""

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    where: tuple[Shape, ...]

    def defaults(self, model: Any) -> list[Any]:
        """None: what is not named stays."""
        return []

    def query(self, model: Any, mark: NextMark) -> Any:
        """peewee's query."""
        update = {
            field: node_of(shape, model, partial(mark, field.db_value if shape is VALUE else None))
            for field, shape in zip(_fields(model, self.names), self.shapes, strict=True)
        }
        return peewee.ModelUpdate(model, update, where=_condition(self.where, model, mark))


class DeleteForm(NamedTuple):
    """A delete of the rows that meet a condition of this shape; of all where there is none."""

    where: tuple[Shape, ...]

    def defaults(self, model: Any) -> list[Any]:
        """None: nothing is written."""
        return []

    def query(self, model: Any, mark: NextMark) -> Any:
        """peewee's query."""
        return peewee.ModelDelete(model, where=_condition(self.where, model, mark))


def _fields(model: Any, names: Iterable[str]) -> list[Any]:
    return [model._meta.fields[name] for name in names]


def _condition(where: tuple[Shape, ...], model: Any, mark: NextMark) -> Any:
    return node_of(where[0], model, partial(mark, None)) if where else None
