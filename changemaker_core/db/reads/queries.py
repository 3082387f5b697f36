"""``@compiled``: a function that builds a query is called like one that returns its rows."""

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
from changemaker_core.db.errors import QueryRefused, RowNotFound
from changemaker_core.db.reads.parameters import Param, QueryContext, annotations_of, value_of
from changemaker_core.db.reads.plans import Plan
from changemaker_core.db.reads.rows import row_maker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from inspect import Signature

P = ParamSpec("P")
R = TypeVar("R")

#: What a compiled function returns: any of peewee's queries that select rows.
Query = peewee.Query


class Bound(msgspec.Struct, Generic[R], frozen=True, eq=False):
    """A compiled query with its arguments, to be run by ``db.get``, ``one``, ``all`` and ``count``.

    Inside of a unit of work, ``bound.get()`` and the others read on its connection.
    ``arguments`` are in the order of the query's parameters. ``variant`` has for each of them
    whether it is None, or its value where it is named in ``shape``.
    """

    query: Compiled[Any, R]
    variant: tuple[Any, ...]
    arguments: tuple[Any, ...]

    def all(self) -> list[R]:
        """Return all rows. Inside of a unit of work."""
        unit = require_unit(self.query.name)
        plan, values = self.prepare(dialect_of(unit))
        return plan.run(unit, values)

    def one(self) -> R | None:
        """Return the first row, or None. Inside of a unit of work."""
        rows = self.all()
        return rows[0] if rows else None

    def get(self) -> R:
        """Return the first row. Raises ``RowNotFound``. Inside of a unit of work."""
        return self.first_of(self.all())

    def first_of(self, rows: list[R]) -> R:
        """Return the first of the query's ``rows``. Raises ``RowNotFound``."""
        if not rows:
            raise RowNotFound(self.query.name)
        return rows[0]

    def count(self, limit: int = 10_000) -> int:
        """Return the number of rows without the query's own limit, at most ``limit + 1``."""
        unit = require_unit(self.query.name)
        plan, values = self.prepare_count(dialect_of(unit), limit)
        count: int = plan.run(unit, values)[0]
        return count

    def prepare(self, dialect: Dialect) -> tuple[Plan, list[Any]]:
        """Return the compiled statement and its values."""
        plan = self.query.plan(self, dialect)
        return plan, plan.bind(*self.arguments)

    def prepare_count(self, dialect: Dialect, limit: int) -> tuple[Plan, list[Any]]:
        """Return the compiled statement that counts, and its values."""
        plan = self.query.plan(self, dialect, counting=True)
        return plan, [*plan.bind(*self.arguments), limit + 1]


def dialect_of(unit: Unit) -> Dialect:
    """Return the dialect of the database of ``unit``."""
    return "sqlite" if isinstance(unit.database, peewee.SqliteDatabase) else "postgresql"


def dialect() -> Dialect:
    """Return ``sqlite`` or ``postgresql``: of the running unit of work, or of the one for which a
    compiled query is being built."""
    return dialect_of(require_unit("dialect()"))


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
            self._bind = self._make_caller()
        self._check_definition()

    def __repr__(self) -> str:
        return f"<compiled query {self.name}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Bound[R]:
        """Bind arguments. Nothing is built or run yet."""
        return self._bind(*args, **kwargs)

    @property
    def signature(self) -> Signature:
        """The parameters of the function that builds it."""
        return self._signature

    @property
    def annotations(self) -> dict[str, Any]:
        """The types of its parameters, as far as they are known."""
        return self._annotations

    @property
    def shape(self) -> tuple[str, ...]:
        """The parameters whose values choose a variant."""
        return tuple(sorted(self._shape))

    def build(self, **arguments: Any) -> peewee.Query:
        """Return peewee's query, for another one that is made of it."""
        return self._function(**arguments)  # type: ignore[call-arg]  # by name, as called

    def plan(self, bound: Bound[R], dialect: Dialect, counting: bool = False) -> Plan:
        """Return the statement for the variant that ``bound`` asks for; build it the first time."""
        key = (dialect, counting, bound.variant)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._build(bound.arguments, dialect, counting)
        return found

    def _build(self, arguments: tuple[Any, ...], dialect: Dialect, counting: bool) -> Plan:
        named: Any = dict(zip(self._names, arguments, strict=True))
        for name, value in named.items():
            # None stays None, so that ``column == None`` is IS NULL; see reads/__init__.py.
            if value is not None and name not in self._shape:
                named[name] = Param(name, self._annotations.get(name))
        database = COMPILERS[dialect]
        with self._named(), running(Unit(database)):
            query: Any = self._function(**named)  # type: ignore[call-arg]  # by name, as called
            if not isinstance(query, peewee.SelectBase):
                raise QueryRefused("it must return a SELECT query")
            if counting:
                query = query.order_by().limit(None).offset(None)
            context: Any = QueryContext(**database.get_context_options())
            sql, values = context.parse(query)
            make_rows = row_maker(self.row, _selected(query), dialect)
            if counting:
                sql, make_rows = _counting(sql, database.param), _first_column
            return Plan(self.name, sql, values, self._names, make_rows)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Add the name of the query to a refusal."""
        try:
            yield
        except QueryRefused as refusal:
            raise QueryRefused(f"{self.name}: {refusal}") from None

    def _make_caller(self) -> Callable[..., Bound[R]]:
        unknown = self._shape - self._signature.parameters.keys()
        if unknown:
            raise QueryRefused(f"shape names {sorted(unknown)}, which are not its parameters")
        bound = functools.partial(Bound, self)
        return _caller(self._function.__qualname__, self._signature, self._shape, bound)

    def _check_definition(self) -> None:
        """Refuse a bad query where it is written, not where it is first used."""
        parameters = self._signature.parameters
        arguments: Any = {name: ... for name in parameters.keys() - self._shape}
        tried: Any = {
            name: value_of(self._annotations.get(name))
            for name in self._shape
            if parameters[name].default is Parameter.empty
        }
        try:
            self.plan(self._bind(**arguments, **tried), "sqlite")
        except NameError:
            return  # it uses something that its module defines further down
        except QueryRefused:
            raise
        except Exception:
            if not tried:
                raise
            # A value of the shape that was made up here: the function need not know it.


def _caller(
    name: str, signature: Signature, shape: Collection[str], make: Callable[..., Any]
) -> Callable[..., Any]:
    """Generate a function with ``signature`` that returns ``make(variant, arguments)``.

    Both are tuples in the order of the parameters. ``f(status=None, *, limit)`` becomes

        lambda status, *, limit: __make__((status is None, limit is None), (status, limit))

    so that a wrong call raises Python's own ``TypeError``. The text consists of names of
    parameters, which Python found to be identifiers.
    """
    parameters = signature.parameters.values()
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        raise QueryRefused("each of its parameters must be one that can be passed by name")
    variant = "".join(f"{p}, " if p in shape else f"{p} is None, " for p in signature.parameters)
    arguments = "".join(f"{each}, " for each in signature.parameters)
    plain = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    listed = ", ".join(
        [*(p.name for p in plain), *("*" for _ in named[:1]), *(p.name for p in named)]
    )
    text = f"lambda {listed}: __make__(({variant}), ({arguments}))"
    made: Any = eval(text, {"__make__": make})  # noqa: S307  # see above
    made.__name__ = made.__qualname__ = name
    made.__defaults__ = tuple(p.default for p in plain if p.default is not p.empty)
    made.__kwdefaults__ = {p.name: p.default for p in named if p.default is not p.empty}
    return cast("Callable[..., Any]", made)


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
    """Compile the query that a function builds: built once, it is then called like the function.

    ``row`` is a msgspec Struct whose fields are named as the selected columns are (or a plain type
    for a query of one column). Arguments become typed parameters. Whether an argument is None, and
    the values of those named in ``shape``, choose a variant; the
    function may use nothing else of an argument while it builds the query.

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
