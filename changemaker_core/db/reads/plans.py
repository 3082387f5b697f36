"""The SQL of a compiled query: how arguments are bound to it, and how it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from changemaker_core.db.context import Unit, read_tags
from changemaker_core.db.reads.parameters import Param, check_literal
from changemaker_core.db.tracking import statement_reads
from changemaker_core.db.work import Work

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from changemaker_core.db.dialects import TrackedDatabase
    from changemaker_core.db.reads.rows import MakeRows


class Plan:
    """The SQL of one variant of a compiled query for one dialect.

    ``bind(*arguments)`` returns the statement's values. The arguments come in the order of the
    query's ``parameters``; each is converted as the column that it meets converts values.
    """

    __slots__ = ("_make_rows", "bind", "name", "reads", "sql")

    def __init__(
        self,
        name: str,
        sql: str,
        values: Sequence[Any],
        parameters: Sequence[str],
        make_rows: MakeRows,
    ) -> None:
        self.name = name
        self.sql = sql
        #: The tables, and where possible the rows, that it reads.
        self.reads = statement_reads(sql)
        self.bind: Callable[..., list[Any]] = _binder(values, parameters)
        self._make_rows = make_rows

    def run(self, unit: Unit, values: list[Any]) -> list[Any]:
        """Return the rows, read on the connection of ``unit``.

        Always fetches everything: an open cursor would pin the snapshot.
        """
        try:
            database = cast("TrackedDatabase", unit.database)
            fetched = database.fetch(unit, self.sql, values, self.name)
        except BaseException:
            self.record_tables()
            raise
        return self.make_rows(values, fetched, unit.row_tags)

    def work(self, values: list[Any], loop: asyncio.AbstractEventLoop | None) -> Work:
        """Return work for a thread: ``run`` in a statement of its own."""
        return Work(lambda unit: self.run(unit, values), loop, whole=False)

    def make_rows(self, values: list[Any], fetched: list[Any], row_tags: bool) -> list[Any]:
        """Return the rows that a driver fetched, typed; record what they were read from."""
        collector = read_tags.get()
        if collector is not None:
            collector |= self.reads.tags(values, fetched, row_tags=row_tags)
        return self._make_rows(fetched)

    def record_tables(self) -> None:
        """Record that all of its tables are read, as where it fails: a response may depend on
        that."""
        collector = read_tags.get()
        if collector is not None:
            collector |= self.reads.tables


def _binder(values: Sequence[Any], parameters: Sequence[str]) -> Callable[..., list[Any]]:
    """Generate the function that makes the statement's values of arguments.

    A constant, an argument as it is, one that is converted, and the same once more become

        lambda a0, a1: [v0, a0, (b2 := v2(a1)), b2]

    The text consists of numbers only, and values are globals of the function.
    """
    arguments = {name: f"a{index}" for index, name in enumerate(parameters)}
    names: dict[str, Any] = {}
    parts: list[str] = []
    converted: dict[tuple[str, Any], str] = {}
    for index, value in enumerate(values):
        if not isinstance(value, Param):
            check_literal(value)
            names[f"v{index}"] = value
            parts.append(f"v{index}")
        elif value.convert is None:
            parts.append(arguments[value.name])
        elif (again := converted.get((value.name, value.convert))) is not None:
            parts.append(again)
        else:
            names[f"v{index}"] = value.convert
            converted[value.name, value.convert] = f"b{index}"
            parts.append(f"(b{index} := v{index}({arguments[value.name]}))")
    text = f"lambda {', '.join(arguments.values())}: [{', '.join(parts)}]"
    return cast("Callable[..., list[Any]]", eval(text, names))  # noqa: S307  # see above
