"""Compiled queries: a function that builds a query, called like one that answers it."""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from inspect import Parameter
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import msgspec
import peewee

from changemaker_core.db.context import Unit, require_unit, running
from changemaker_core.db.dialects import COMPILERS, Dialect
from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.reads.calls import caller
from changemaker_core.db.reads.params import Param, annotations_of
from changemaker_core.db.reads.plans import Plan
from changemaker_core.db.reads.rows import row_maker
from changemaker_core.db.work import Work

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from changemaker_core.db.dialects import TrackedDatabase

P = ParamSpec("P")
R = TypeVar("R")

#: What a compiled function returns: any of peewee's queries that select rows.
Query = peewee.Query


class Bound(msgspec.Struct, Generic[R], frozen=True, eq=False):
    """A compiled query with its arguments: what ``db.one``, ``db.all`` and ``db.count`` take.

    Inside of a unit of work, ``bound.one()`` and ``bound.all()`` answer from its connection.
    ``arguments`` are in the order of the query's parameters; ``variant`` says of each whether it
    is None, or its value where it is named in ``shape``.
    """

    query: Compiled[Any, R]
    variant: tuple[Any, ...]
    arguments: tuple[Any, ...]

    def all(self) -> list[R]:
        """All rows, inside of a unit of work."""
        return self.run(require_unit(self.query.name))

    def one(self) -> R | None:
        """The first row, or None. Inside of a unit of work."""
        rows = self.all()
        return rows[0] if rows else None

    def count(self, limit: int = 10_000) -> int:
        """How many rows there are without the query's limit; ``limit + 1`` says: or more."""
        plan, values = self.prepare_count(dialect_of(require_unit(self.query.name)), limit)
        count: int = run_plan(require_unit(self.query.name), plan, values)[0]
        return count

    def run(self, unit: Unit) -> list[R]:
        """All rows, on the connection of ``unit``."""
        plan, values = self.prepare(dialect_of(unit))
        return run_plan(unit, plan, values)

    def prepare(self, dialect: Dialect) -> tuple[Plan, list[Any]]:
        """The compiled statement and its values."""
        plan = self.query.plan(self, dialect)
        return plan, plan.bind(*self.arguments)

    def prepare_count(self, dialect: Dialect, limit: int) -> tuple[Plan, list[Any]]:
        """The compiled statement that counts, and its values."""
        plan = self.query.plan(self, dialect, counting=True)
        return plan, [*plan.bind(*self.arguments), limit + 1]


def run_plan(unit: Unit, plan: Plan, values: list[Any]) -> list[Any]:
    """The rows of a plan on the connection of ``unit``.

    Always fetches everything: an open cursor would pin the snapshot.
    """
    database = cast("TrackedDatabase", unit.database)
    try:
        fetched = database.fetch(plan.sql, values)
    except BaseException:
        plan.record_failure()
        raise
    return plan.make_rows(values, fetched, unit.row_tags)


def plan_work(plan: Plan, values: list[Any], loop: asyncio.AbstractEventLoop | None) -> Work:
    """Work for a thread: the rows of a plan, in a statement of its own."""

    def fetch(work: Work) -> list[Any]:
        assert work.unit is not None  # noqa: S101  # set by Work.run
        return run_plan(work.unit, plan, values)

    return Work(fetch, loop, whole=False)


def dialect_of(unit: Unit) -> Dialect:
    """The dialect that ``unit`` speaks."""
    return "sqlite" if isinstance(unit.database, peewee.SqliteDatabase) else "postgresql"


class Compiled(Generic[P, R]):
    """A query that is built once for each dialect and variant. Made by :func:`compiled`."""

    def __init__(
        self, function: Callable[P, peewee.Query], row: type[R], shape: tuple[str, ...]
    ) -> None:
        self.__doc__ = function.__doc__
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.row = row
        self._function = function
        self._signature = inspect.signature(function)
        self._annotations = annotations_of(function)
        self._names = tuple(self._signature.parameters)
        self._shape = frozenset(shape)
        self._plans: dict[tuple[Dialect, bool, tuple[Any, ...]], Plan] = {}
        with self._named():
            self._bound = self._caller()
        self._check_definition()

    def __repr__(self) -> str:
        return f"<compiled query {self.name}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Bound[R]:
        """Bind arguments. Nothing is built or run yet."""
        return self._bound(*args, **kwargs)

    def plan(self, bound: Bound[R], dialect: Dialect, counting: bool = False) -> Plan:
        """The statement for the variant that ``bound`` asks for."""
        key = (dialect, counting, bound.variant)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._build(bound.arguments, dialect, counting)
        return found

    def _build(self, arguments: tuple[Any, ...], dialect: Dialect, counting: bool) -> Plan:
        stand_ins = map(self._stand_in, self._names, arguments)
        with self._named(), running(Unit(COMPILERS[dialect])):
            named = dict(zip(self._names, stand_ins, strict=True))
            query = self._function(**named)  # type: ignore[call-arg]  # by name, as called
            return self._compile(query, dialect, counting)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What is refused says of which query."""
        try:
            yield
        except QueryRefused as refusal:
            raise QueryRefused(f"{self.name}: {refusal}") from None

    def _stand_in(self, name: str, value: Any) -> Any:
        if value is None or name in self._shape:
            return value
        return Param(name, self._annotations.get(name))

    def _compile(self, query: Any, dialect: Dialect, counting: bool) -> Plan:
        if not isinstance(query, peewee.SelectBase):
            raise QueryRefused("it must return a query that selects")
        if counting:
            query = query.order_by().limit(None).offset(None)
        sql, values = COMPILERS[dialect].get_sql_context().parse(query)
        rows = row_maker(self.row, _selected(query), dialect)
        if counting:
            sql, rows = _counting(sql, COMPILERS[dialect].param), _first_column
        return Plan(self.name, sql, values, self._names, rows)

    def _caller(self) -> Callable[..., Bound[R]]:
        unknown = self._shape - self._signature.parameters.keys()
        if unknown:
            raise QueryRefused(f"shape names {sorted(unknown)}, which it does not take")
        bound = functools.partial(Bound, self)
        return caller(self._function.__qualname__, self._signature, self._shape, bound)

    def _check_definition(self) -> None:
        """Refuse a bad query where it is written, not where it is first used."""
        parameters = self._signature.parameters
        if any(parameters[name].default is Parameter.empty for name in self._shape):
            return  # which variants there are is known at first use
        arguments: Any = {name: ... for name in parameters.keys() - self._shape}
        try:
            self.plan(self._bound(**arguments), "sqlite")
        except NameError:
            return  # it uses something that its module defines further down


def _selected(query: Any) -> list[Any]:
    while isinstance(query, peewee.CompoundSelectQuery):
        query = query.lhs
    return list(query.selected_columns)


def _counting(sql: str, mark: str) -> str:
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM ({sql}) AS each_row LIMIT {mark}) AS counted"  # noqa: S608  # made of compiled SQL alone


def _first_column(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [value for (value,) in rows]


def compiled(
    row: type[R], *, shape: tuple[str, ...] = ()
) -> Callable[[Callable[P, peewee.Query]], Compiled[P, R]]:
    """Make a function that builds a query into one that is built once and called like a function.

    ``row`` is a msgspec Struct whose fields are named as the selected columns are (or a plain type
    for a query of one column). Arguments become typed parameters. Whether an argument is None, and
    the values of those named in ``shape``, choose a variant; nothing else about an argument may be
    looked at while the query is built.

    >>> @compiled(Card, shape=("newest",))
    ... def cards(status: str | None = None, newest: bool = True, limit: int = 50) -> Query:
    ...     query = Campaign.select(Campaign.id, Campaign.title)
    ...     if status is not None:
    ...         query = query.where(Campaign.status == status)
    ...     if newest:
    ...         query = query.order_by(Campaign.id.desc())
    ...     return query.limit(limit)
    """

    def decorate(function: Callable[P, peewee.Query]) -> Compiled[P, R]:
        return Compiled(function, row, shape)

    return decorate
