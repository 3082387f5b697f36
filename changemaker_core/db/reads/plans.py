"""Compiled SQL, and how arguments are bound to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.db.context import read_tables
from changemaker_core.db.reads.generate import generate
from changemaker_core.db.reads.params import Param, check_literal
from changemaker_core.db.tracking.row_reads import find_row_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from changemaker_core.db.reads.rows import Rows


class Plan:
    """One SQL text of a compiled query for one dialect.

    ``bind(*arguments)`` makes the statement's values of the query's arguments, which come in the
    order of its ``parameters``, each through the conversion of the column that it meets.
    """

    __slots__ = ("_row_reads", "bind", "name", "rows", "sql", "tables")

    def __init__(
        self,
        name: str,
        sql: str,
        values: Sequence[Any],
        parameters: Sequence[str],
        tables: frozenset[str],
        rows: Rows,
    ) -> None:
        self.name = name
        self.sql = sql
        self.tables = tables
        self.rows = rows
        self._row_reads = find_row_reads(sql, tables)
        self.bind: Callable[..., list[Any]] = _binder(values, parameters)

    def answer(self, values: list[Any], fetched: list[Any]) -> list[Any]:
        """The rows that a driver fetched, typed. What they were read from is noted."""
        collector = read_tables.get()
        if collector is not None:
            reads = self._row_reads
            collector |= self.tables if reads is None else reads.tags(values, fetched)
        return self.rows(fetched)

    def note_failure(self) -> None:
        """Note that its tables were asked in vain: who answers all the same may depend on them."""
        collector = read_tables.get()
        if collector is not None:
            collector |= self.tables


def _binder(values: Sequence[Any], parameters: Sequence[str]) -> Callable[..., list[Any]]:
    """A constant, an argument as it is, one converted, and the same once more come as

    lambda a0, a1: [v0, a0, (b2 := v2(a1)), b2]
    """
    arguments = {name: f"a{index}" for index, name in enumerate(parameters)}
    names = {f"v{index}": _known(value) for index, value in enumerate(values)}
    converted: dict[tuple[str, Any], str] = {}
    written = [_written(value, index, arguments, converted) for index, value in enumerate(values)]
    return generate(f"lambda {', '.join(arguments.values())}: [{', '.join(written)}]", names)


def _known(value: Any) -> Any:
    """What is known of a value before there are arguments: itself, or its conversion."""
    if isinstance(value, Param):
        return value.convert
    check_literal(value)
    return value


def _written(
    value: Any, index: int, arguments: Mapping[str, str], converted: dict[tuple[str, Any], str]
) -> str:
    if not isinstance(value, Param):
        return f"v{index}"
    argument = arguments[value.name]
    if value.convert is None:
        return argument
    found = converted.get((value.name, value.convert))
    if found is not None:
        return found
    converted[value.name, value.convert] = f"b{index}"
    return f"(b{index} := v{index}({argument}))"
