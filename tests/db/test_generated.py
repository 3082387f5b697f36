"""What is generated for a query does what plain code would: calls, binding, and making rows."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.db import JSONField, Model, Query, QueryRefused, UtcField, compiled
from changemaker_core.db.fields import read_utc
from changemaker_core.db.reads.parameters import Param
from changemaker_core.db.reads.plans import Plan
from changemaker_core.db.reads.queries import _caller
from changemaker_core.db.reads.rows import row_maker


class Sample(Model):
    number = peewee.IntegerField()
    name = peewee.TextField()
    flag = peewee.BooleanField()
    at = UtcField()
    tags = JSONField()
    price = peewee.DecimalField()

    class Meta:
        table_name = "generated_sample"


class Span(Model):
    begin = UtcField()
    end = UtcField()

    class Meta:
        table_name = "generated_span"


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(minutes=345))])
ZONED = st.builds(lambda moment, zone: moment.astimezone(zone), MOMENTS, OFFSETS)
#: A column, the type of its field, what SQLite returns for it, and what becomes of that.
COLUMNS: dict[str, tuple[Any, Any, Any, Any]] = {
    "number": (Sample.number, int, st.integers(), lambda value: value),
    "name": (Sample.name, str, st.text(), lambda value: value),
    "flag": (Sample.flag, bool, st.sampled_from([0, 1]), bool),
    "at": (Sample.at, datetime, ZONED.map(datetime.isoformat), read_utc),
    "tags": (Sample.tags, list[int], st.lists(st.integers(0, 9)).map(json.dumps), json.loads),
    "price": (Sample.price, Any, st.integers().map(str), Sample.price.python_value),
    "total": (
        peewee.fn.SUM(Sample.number).alias("total"),
        float,
        st.integers(-(2**50), 2**50),
        float,
    ),
    "latest": (
        peewee.fn.MAX(Sample.at).alias("latest"),
        datetime | None,
        ZONED.map(datetime.isoformat),
        read_utc,
    ),
}


def naive(struct, names, rows):
    """What the generated function stands for, written with loops."""
    made = []
    for row in rows:
        values = {
            name: None if cell is None else COLUMNS[name][3](cell)
            for name, cell in zip(names, row, strict=True)
        }
        made.append(struct(**values))
    return made


@st.composite
def selections(draw):
    """A Struct, the columns selected for it in an order of their own, and rows of SQLite."""
    fields = draw(st.permutations(sorted(COLUMNS)).map(lambda names: names[:5]))
    names = draw(st.permutations(fields))
    kw_only = draw(st.booleans())
    left_out = [("extra", str, "default")] if draw(st.booleans()) else []
    struct = msgspec.defstruct(
        "Drawn", [*((name, COLUMNS[name][1]) for name in fields), *left_out], kw_only=kw_only
    )
    cells = [st.none() | COLUMNS[name][2] for name in names]
    return struct, names, draw(st.lists(st.tuples(*cells), max_size=4))


@given(selections())
def test_rows_are_made_as_plain_code_would_make_them(selection):
    struct, names, rows = selection
    make = row_maker(struct, [COLUMNS[name][0] for name in names], "sqlite")
    made = make(rows)
    assert made == naive(struct, names, rows)
    for row in made:
        moments = [getattr(row, name) for name in names if name in ("at", "latest")]
        assert all(moment is None or moment.tzinfo is UTC for moment in moments)


@given(st.lists(st.none() | ZONED))
def test_times_of_postgresql_become_utc(moments):
    make = row_maker(datetime, [Sample.at], "postgresql")
    made = make([(moment,) for moment in moments])
    assert made == moments
    assert all(moment is None or moment.tzinfo is UTC for moment in made)


def test_a_column_that_is_selected_twice_is_refused():
    struct = msgspec.defstruct("Drawn", [("number", int)])
    with pytest.raises(QueryRefused, match="twice"):
        row_maker(struct, [Sample.number, Sample.number], "sqlite")


# Calls


def sample(status, newest=True, *, query=None, limit=50):
    """Its parameters are named as other things are, too."""


CALLS = st.tuples(
    st.lists(st.integers() | st.none(), max_size=3),
    st.dictionaries(st.sampled_from(["status", "newest", "query", "limit", "nope"]), st.none()),
)


@given(CALLS)
def test_calls_are_those_of_the_function(call):
    args, kwargs = call
    signature = inspect.signature(sample)
    made = _caller("sample", signature, {"newest"}, lambda variant, arguments: (variant, arguments))
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError, match=r"sample\(\)"):
            made(*args, **kwargs)
        return
    bound.apply_defaults()
    status, newest, query, limit = bound.arguments.values()
    variant = (status is None, newest, query is None, limit is None)
    assert made(*args, **kwargs) == (variant, (status, newest, query, limit))


def test_parameters_without_a_name_of_their_own_are_refused():
    with pytest.raises(QueryRefused, match=r"anything: .*by name"):

        @compiled(int)
        def anything(*numbers: int) -> Query:
            return Sample.select(Sample.number)

    with pytest.raises(QueryRefused, match="by name"):

        @compiled(int)
        def by_place(number: int, /) -> Query:
            return Sample.select(Sample.number)


# Binding


def converted(value):
    return ("converted", value)


@given(
    st.lists(
        st.sampled_from(["constant", None, 7])
        | st.builds(Param, st.sampled_from("abc"), convert=st.sampled_from([None, converted])),
        max_size=8,
    )
)
def test_values_are_constants_and_arguments_converted(values):
    arguments = {"a": 1, "b": "two", "c": None}
    plan = Plan("sample", "SELECT 1", values, list(arguments), list)
    expected = []
    for value in values:
        if isinstance(value, Param):
            argument = arguments[value.name]
            expected.append(argument if value.convert is None else value.convert(argument))
        else:
            expected.append(value)
    assert plan.bind(*arguments.values()) == expected


class Counted(datetime):
    """A moment that counts how often it is converted."""

    conversions = 0

    def astimezone(self, tz=None):
        Counted.conversions += 1
        return super().astimezone(tz)


def test_an_argument_of_two_columns_is_converted_once():
    @compiled(datetime)
    def around(now: datetime) -> Query:
        return Span.select(Span.begin).where(Span.begin <= now, Span.end > now)

    bound = around(Counted(2026, 1, 1, tzinfo=UTC))
    assert bound.prepare("sqlite")[1] == ["2026-01-01T00:00:00.000000+00:00"] * 2
    assert Counted.conversions == 1
