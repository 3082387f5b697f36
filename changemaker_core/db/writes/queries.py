"""Inserts, updates and deletes of models: the plain ones are taken apart and compiled."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import peewee

from changemaker_core.db.writes.patterns import (
    CompiledWrite,
    DeletePattern,
    InsertPattern,
    NotPlain,
    Pattern,
    UpdatePattern,
)

if TYPE_CHECKING:
    from changemaker_core.db.writes.patterns import Comparison

#: Compiled writes of a model; one that never repeats itself begins anew.
_MOST = 256
_COMPARABLE = frozenset({str, int, float, bool, bytes, datetime, date, Decimal, UUID})
_OPERATORS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LISTS = frozenset({list, tuple})
#: Each length of a list has a text of its own.
_LONGEST_LIST = 20
_DO_NOTHING = frozenset({"IGNORE", "NOTHING"})
_SKIPPING = frozenset({"_action", "_conflict_target"})


class PlainWrite(peewee.Query):
    """A write that is compiled where it is plain."""

    model: Any
    _where: Any
    _cte_list: Any
    _order_by: Any
    _limit: Any
    _offset: Any
    _returning: Any

    def compiled(self, database: peewee.Database) -> tuple[str, list[Any]] | None:
        """Return the SQL and the parameters; None where peewee has to build them."""
        values: list[Any] = []
        try:
            pattern = self._pattern(values)
            return self._compiled_write(database, pattern).bind(values)
        except NotPlain:
            return None

    def _pattern(self, values: list[Any]) -> Pattern:
        """Return the pattern, and add the values to ``values``. Raises ``NotPlain``."""
        raise NotImplementedError

    def _compiled_write(self, database: peewee.Database, pattern: Pattern) -> CompiledWrite:
        known: dict[Any, CompiledWrite] = self.model.compiled_writes
        key = (type(database), type(pattern), pattern)
        found = known.get(key)
        if found is None:
            if len(known) >= _MOST:
                known.clear()
            found = known[key] = CompiledWrite(database, self.model, pattern)
        return found

    def _comparisons(self, values: list[Any]) -> tuple[Comparison, ...]:
        """Return the conditions of a ``WHERE`` whose parts all have to hold."""
        if self._returning or self._cte_list or self._order_by:
            raise NotPlain
        if self._limit is not None or self._offset is not None:
            raise NotPlain
        return _comparisons(self._where, self.model, values)


class Insert(PlainWrite, peewee.ModelInsert):
    """An insert: plain where it is one row of values, and conflicts are errors or skipped."""

    _insert: Any
    _columns: Any
    _on_conflict: Any
    _return_cursor: bool

    def _pattern(self, values: list[Any]) -> InsertPattern:
        row = self._insert
        if type(row) is not dict or self._columns or self._cte_list:
            raise NotPlain
        values += row.values()
        if any([isinstance(value, peewee.Node) for value in values]):
            raise NotPlain
        names = tuple(row) if type(next(iter(row), "")) is str else _names(row, self.model)
        return InsertPattern(names, self._skips(), self._returns_key())

    def _get_cursor_wrapper(self, cursor: Any) -> Any:
        """Return rows of the key alone, without peewee's search for the types of columns."""
        if self._return_cursor or self._columns or not isinstance(self._insert, dict):
            return super()._get_cursor_wrapper(cursor)  # type: ignore[misc]  # not in peewee's stubs
        keys = self._returning
        return [
            tuple([key.python_value(value) for key, value in zip(keys, row, strict=True)])
            for row in cursor.fetchall()
        ]

    def _skips(self) -> tuple[str, tuple[str, ...] | None] | None:
        conflict = self._on_conflict
        if conflict is None:
            return None
        more = [each for name, each in vars(conflict).items() if name not in _SKIPPING]
        if conflict._action not in _DO_NOTHING or any([each is not None for each in more]):
            raise NotPlain
        target = conflict._conflict_target
        return conflict._action, None if target is None else _names(target, self.model)

    def _returns_key(self) -> bool:
        """Return whether the key is returned, as peewee has it by default on PostgreSQL."""
        if not self._returning:
            return False
        if [*map(id, self._returning)] != [*map(id, self.model._meta.get_primary_keys())]:
            raise NotPlain
        return True


class Update(PlainWrite, peewee.ModelUpdate):
    """An update: plain where columns are set to values, or counted up or down."""

    _update: Any
    _from: Any

    def _pattern(self, values: list[Any]) -> UpdatePattern:
        if self._from or not self._update:
            raise NotPlain
        steps = tuple([self._step(value, values) for value in self._update.values()])
        names = _names(self._update, self.model)
        return UpdatePattern(names, steps, self._comparisons(values))

    def _step(self, value: Any, values: list[Any]) -> tuple[str, str] | None:
        step = None
        if type(value) is peewee.Expression and value.op in ("+", "-"):
            step = (_name(value.lhs, self.model), value.op)
            value = value.rhs
        if isinstance(value, peewee.Node):
            raise NotPlain
        values.append(value)
        return step


class Delete(PlainWrite, peewee.ModelDelete):
    """A delete."""

    def _pattern(self, values: list[Any]) -> DeletePattern:
        return DeletePattern(self._comparisons(values))


def _comparisons(node: Any, model: Any, values: list[Any]) -> tuple[Comparison, ...]:
    if type(node) is not peewee.Expression or node.flat:
        raise NotPlain
    sign, value = node.op, node.rhs
    if sign == "AND":
        return _comparisons(node.lhs, model, values) + _comparisons(value, model, values)
    length = None
    if sign in _OPERATORS and type(value) in _COMPARABLE:
        values.append(value)
    elif sign == "IN" and type(value) in _LISTS and 0 < len(value) <= _LONGEST_LIST:
        length = len(value)
        values += value
        if not _COMPARABLE.issuperset(map(type, value)):
            raise NotPlain
    else:
        raise NotPlain
    return ((_name(node.lhs, model), sign, length),)


def _names(columns: Any, model: Any) -> tuple[str, ...]:
    return tuple([_name(column, model) for column in columns])


def _name(column: Any, model: Any) -> str:
    """Return the name of a model's own column."""
    name: str = getattr(column, "name", "")
    if model._meta.fields.get(name) is not column:
        raise NotPlain
    return name
