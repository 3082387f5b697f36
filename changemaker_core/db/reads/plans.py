"""Compiled SQL, and how arguments are bound to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.db.context import read_tables
from changemaker_core.db.reads.generate import generate
from changemaker_core.db.reads.params import Param, check_literal
from changemaker_core.db.tracking import statement_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from changemaker_core.db.reads.rows import Rows


class Plan:
    """One SQL text of a compiled query for one dialect.

    ``bind(*arguments)`` makes the statement's values of the query's arguments, which come in the
    order of its ``parameters``, each through the conversion of the column that it meets.
    """

    __slots__ = ("_make", "bind", "name", "reads", "sql")

    def __init__(
        self,
        name: str,
        sql: str,
        values: Sequence[Any],
        parameters: Sequence[str],
        make: Rows,
    ) -> None:
        self.name = name
        self.sql = sql
        #: The tables, and where possible the rows, that it reads.
        self.reads = statement_reads(sql)
        self._make = make
        self.bind: Callable[..., list[Any]] = _binder(values, parameters)

    def make_rows(self, values: list[Any], fetched: list[Any], row_tags: bool) -> list[Any]:
        """Return the rows that a driver fetched, typed; record what they were read from."""
        collector = read_tables.get()
        if collector is not None:
            collector |= self.reads.tags(values, fetched, row_tags=row_tags)
        return self._make(fetched)

    def record_failure(self) -> None:
        """Record that its tables were read in vain: a response may depend on the failure."""
        collector = read_tables.get()
        if collector is not None:
            collector |= self.reads.tables


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
