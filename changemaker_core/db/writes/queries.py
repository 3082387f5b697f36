"""Inserts, updates and deletes whose SQL is kept.

Building the SQL of a write costs many times as much as running it, and the text is nearly always
one that was built before. So a plain write is taken apart into its form and its values, and peewee
builds the text of each form once. Of what is not plain (other tables, upserts, RETURNING, …) peewee
builds it each time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import peewee

from changemaker_core.db.writes.expressions import VALUE, NotPlain, Shape, shape_of
from changemaker_core.db.writes.kinds import DeleteForm, InsertForm, UpdateForm
from changemaker_core.db.writes.statements import Form, Statement

#: Statements that are kept of a model; one that never repeats itself begins anew.
_MOST = 256
_NO_VALUES = (peewee.Node, type)
#: Types of nearly all values that rows have, in which nothing else has to be looked for.
_USUAL = frozenset({str, int, float, bool, type(None), datetime, list, dict})
_DO_NOTHING = frozenset({"IGNORE", "NOTHING"})
_SKIPPING = frozenset({"_action", "_conflict_target"})


class Kept(peewee.Query):
    """A write that knows its SQL from an earlier one of the same form."""

    model: Any
    _where: Any
    _cte_list: Any
    _order_by: Any
    _limit: Any
    _offset: Any
    _returning: Any

    def kept(self, database: peewee.Database) -> tuple[str, list[Any]] | None:
        """The SQL and the parameters that peewee would write; None where it has to."""
        values: list[Any] = []
        try:
            form = self._form(values)
            return self._statement(database, form).bind(database, values)
        except NotPlain:
            return None

    def _form(self, values: list[Any]) -> Form:
        """The form of this write, whose values are added to ``values``. Raises ``NotPlain``."""
        raise NotImplementedError

    def _statement(self, database: peewee.Database, form: Form) -> Statement:
        statements: dict[Any, Statement] = self.model.kept_statements
        key = (type(database), type(form), form)
        found = statements.get(key)
        if found is None:
            if len(statements) >= _MOST:
                statements.clear()
            found = statements[key] = Statement(database, self.model, form)
        return found

    def _shape_of_where(self, values: list[Any]) -> tuple[Shape, ...]:
        if self._returning or self._cte_list or self._order_by:
            raise NotPlain
        if self._limit is not None or self._offset is not None:
            raise NotPlain
        return () if self._where is None else (shape_of(self._where, self.model, values),)


class Insert(Kept, peewee.ModelInsert):
    """An insert."""

    _insert: Any
    _columns: Any
    _on_conflict: Any
    _return_cursor: bool

    def _form(self, values: list[Any]) -> InsertForm:
        row = self._insert
        if type(row) is not dict or self._columns or self._cte_list:
            raise NotPlain
        values += row.values()
        if not _USUAL.issuperset(map(type, values)):
            _check(values)
        names = _names(row, self.model)
        return InsertForm(names, self._skips(), self._returns_key())

    def _get_cursor_wrapper(self, cursor: Any) -> Any:
        """The key that was asked for by itself, without peewee's search for what it might be."""
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
        return conflict._action, None if target is None else _own_names(target, self.model)

    def _returns_key(self) -> bool:
        """Whether the key is asked for, as peewee does of itself on PostgreSQL."""
        if not self._returning:
            return False
        if [*map(id, self._returning)] != [*map(id, self.model._meta.get_primary_keys())]:
            raise NotPlain
        return True


class Update(Kept, peewee.ModelUpdate):
    """An update."""

    _update: Any
    _from: Any

    def _form(self, values: list[Any]) -> UpdateForm:
        if self._from or not self._update:
            raise NotPlain
        shapes = tuple([self._shape(value, values) for value in self._update.values()])
        names = _names(self._update, self.model)
        return UpdateForm(names, shapes, self._shape_of_where(values))

    def _shape(self, value: Any, values: list[Any]) -> Shape:
        if isinstance(value, _NO_VALUES):
            return shape_of(value, self.model, values)
        values.append(value)  # lists too: a JSON column may be set to them
        return VALUE


class Delete(Kept, peewee.ModelDelete):
    """A delete."""

    def _form(self, values: list[Any]) -> DeleteForm:
        return DeleteForm(self._shape_of_where(values))


def _check(values: list[Any]) -> None:
    if any(isinstance(value, _NO_VALUES) for value in values):
        raise NotPlain


def _names(row: dict[Any, Any], model: Any) -> tuple[str, ...]:
    """The columns of a row, whose keys are their names or themselves."""
    return tuple(row) if type(next(iter(row), "")) is str else _own_names(row, model)


def _own_names(columns: Any, model: Any) -> tuple[str, ...]:
    fields = model._meta.fields
    names = tuple([getattr(column, "name", "") for column in columns])
    if any([fields.get(name) is not column for name, column in zip(names, columns, strict=True)]):
        raise NotPlain
    return names
