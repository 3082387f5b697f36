"""Compiled queries: a function that builds a query, called like one that answers it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import peewee

from changemaker_core.db.context import Unit, read_tables, require_unit, running
from changemaker_core.db.dialects import COMPILERS, Dialect
from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.params import Param, annotations_of
from changemaker_core.db.plans import Plan, row_maker
from changemaker_core.db.statements import tables_read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")

#: What a compiled function returns: any of peewee's queries that select rows.
Query = peewee.Query


class Bound(Generic[R]):
    """A compiled query with its arguments: what ``db.one``, ``db.all`` and ``db.count`` take.

    Inside of a unit of work, ``bound.one()`` and ``bound.all()`` answer from its connection.
    """

    __slots__ = ("arguments", "query")

    def __init__(self, query: Compiled[Any, R], arguments: Mapping[str, Any]) -> None:
        self.query = query
        self.arguments = arguments

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
        plan = self.query.plan(dialect, self.arguments)
        return plan, plan.bind(self.arguments)

    def prepare_count(self, dialect: Dialect, limit: int) -> tuple[Plan, list[Any]]:
        """The compiled statement that counts, and its values."""
        plan = self.query.plan(dialect, self.arguments, counting=True)
        return plan, [*plan.bind(self.arguments), limit + 1]


def run_plan(unit: Unit, plan: Plan, values: list[Any]) -> list[Any]:
    """The rows of a plan on the connection of ``unit``.

    Always fetches everything: an open cursor would pin the snapshot.
    """
    return plan.rows(unit.database.execute_sql(plan.sql, values).fetchall())


def dialect_of(unit: Unit) -> Dialect:
    """The dialect that ``unit`` speaks."""
    return "sqlite" if isinstance(unit.database, peewee.SqliteDatabase) else "postgresql"


def note_reads(plan: Plan) -> None:
    """Tell whoever collects the tables read."""
    collector = read_tables.get()
    if collector is not None:
        collector |= plan.tables


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
        self._positional = tuple(
            name
            for name, parameter in self._signature.parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        )
        self._defaults = {
            name: parameter.default
            for name, parameter in self._signature.parameters.items()
            if parameter.default is not parameter.empty
        }
        self._shape = frozenset(shape)
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._check_definition()

    def __repr__(self) -> str:
        return f"<compiled query {self.name}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Bound[R]:
        """Bind arguments. Nothing is built or run yet."""
        named = dict(zip(self._positional, args, strict=False)) if args else {}
        arguments: Mapping[str, Any] = {**self._defaults, **named, **kwargs}
        if (
            arguments.keys() != self._signature.parameters.keys()
            or len(args) > len(self._positional)
            or (named and not named.keys().isdisjoint(kwargs))
        ):
            self._signature.bind(*args, **kwargs)  # raises as a plain call would
        return Bound(self, arguments)

    def plan(self, dialect: Dialect, arguments: Mapping[str, Any], counting: bool = False) -> Plan:
        """The statement for the variant that these arguments ask for."""
        shape = self._shape
        variant = [
            arguments[name] if name in shape else arguments[name] is None for name in self._names
        ]
        key = (dialect, counting, *variant)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._build(dialect, arguments, counting)
        return found

    def _build(self, dialect: Dialect, arguments: Mapping[str, Any], counting: bool) -> Plan:
        stand_ins = {name: self._stand_in(name, value) for name, value in arguments.items()}
        try:
            with running(Unit(COMPILERS[dialect])):
                query = self._function(**stand_ins)  # type: ignore[call-arg]  # by name, as called
                return self._compile(query, dialect, counting)
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
        return Plan(self.name, sql, values, tables_read(sql), rows)

    def _check_definition(self) -> None:
        """Refuse a bad query where it is written, not where it is first used."""
        unknown = self._shape - self._signature.parameters.keys()
        if unknown:
            raise QueryRefused(
                f"{self.name}: shape names {sorted(unknown)}, which it does not take"
            )
        if not self._shape <= self._defaults.keys():
            return  # which variants there are is known at first use
        arguments = {name: self._defaults[name] for name in self._shape}
        arguments |= {name: ... for name in self._names if name not in self._shape}
        try:
            self.plan("sqlite", arguments)
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
