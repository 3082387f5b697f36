"""What an expression looks like without its values: all that its SQL depends on.

Only expressions of a model's own columns and plain values have a shape; of everything else peewee
writes the SQL each time.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import peewee

if TYPE_CHECKING:
    from collections.abc import Callable

#: A column's name; ``VALUE``; the length of a list of values; ``None`` for the NULL that stands
#: after ``IS``; or an operation: ``(operator, flat, left, right)``.
Shape = Any

#: Stands where a value was.
VALUE = ...
_PLAIN = frozenset({str, int, float, bool, bytes, datetime, date, Decimal, UUID, type(None)})
_LISTS = frozenset({list, tuple, set, frozenset})
_IS = frozenset({"IS", "IS NOT"})
_OPERATORS = _IS | {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN", "AND", "OR", "+", "-"}
#: Each length of a list has a text of its own.
_LONGEST_LIST = 20


class NotPlain(Exception):
    """There is more in it than columns, plain values and ordinary operators."""


def shape_of(node: Any, model: type[peewee.Model], values: list[Any]) -> Shape:
    """The shape of ``node``, whose values are added to ``values``. Raises ``NotPlain``."""
    kind = type(node)
    if kind in _PLAIN:
        values.append(node)
        return VALUE
    if kind is peewee.Expression:
        return _shape_of_operation(node, model, values)
    if isinstance(node, peewee.Field) and model._meta.fields.get(node.name) is node:
        return node.name
    if kind in _LISTS and len(node) <= _LONGEST_LIST and _PLAIN.issuperset(map(type, node)):
        values.extend(node)
        return len(node)
    raise NotPlain


def _shape_of_operation(node: Any, model: type[peewee.Model], values: list[Any]) -> Shape:
    if node.op not in _OPERATORS:
        raise NotPlain
    left = shape_of(node.lhs, model, values)
    is_null = node.rhs is None and node.op in _IS
    return (node.op, node.flat, left, None if is_null else shape_of(node.rhs, model, values))


def node_of(shape: Shape, model: type[peewee.Model], value: Callable[[], Any]) -> Any:
    """A node of this shape; ``value`` is called for each of its values, in their order."""
    if shape is VALUE:
        return value()
    if shape is None:
        return None
    if isinstance(shape, str):
        return model._meta.fields[shape]
    if isinstance(shape, int):
        return [value() for _ in range(shape)]
    operator, flat, left, right = shape
    lhs = node_of(left, model, value)
    return peewee.Expression(lhs, operator, node_of(right, model, value), flat=flat)
