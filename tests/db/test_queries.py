"""Compiled queries: the same rows as plain peewee, on both databases; refusals; the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec
import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import (
    Database,
    JSONField,
    Model,
    NaiveDatetime,
    Query,
    QueryRefused,
    RowNotFound,
    UtcField,
    UUIDField,
    compiled,
    new_id,
    read_tags,
)
from changemaker_core.db.sqlite.engine import LOOP_SECONDS


class Group(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField()

    class Meta:
        table_name = "test_group"


class Thing(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField()
    status = peewee.CharField(default="DRAFT")
    size = peewee.IntegerField(default=0)
    weight = peewee.FloatField(null=True)
    price = peewee.DecimalField(max_digits=12, decimal_places=2, null=True)
    open = peewee.BooleanField(default=False)
    at = UtcField()
    until = UtcField(null=True)
    tags = JSONField(default=list)
    group = peewee.ForeignKeyField(Group, null=True, lazy_load=False, on_delete="CASCADE")

    class Meta:
        table_name = "test_thing"


class Full(msgspec.Struct, frozen=True):
    id: str
    name: str
    status: str
    size: int
    weight: float | None
    price: Decimal | None
    open: bool
    at: datetime
    until: datetime | None
    tags: list[Any]
    group_id: str | None


class Short(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    size: int
    extra: str = "default"


COLUMNS = [Thing.id, Thing.name, Thing.status, Thing.size, Thing.weight, Thing.price, Thing.open]
COLUMNS += [Thing.at, Thing.until, Thing.tags, Thing.group]


@compiled(Full, shape=("newest",))
def things(
    status: str | None = None,
    smallest: int | None = None,
    since: datetime | None = None,
    ids: list[str] | None = None,
    is_open: bool | None = None,
    newest: bool = True,
    limit: int = 50,
    offset: int = 0,
) -> Query:
    query = Thing.select(*COLUMNS)
    if status is not None:
        query = query.where(Thing.status == status)
    if smallest is not None:
        query = query.where(Thing.size >= smallest)
    if since is not None:
        query = query.where(Thing.at >= since)
    if ids is not None:
        query = query.where(Thing.id.in_(ids))
    if is_open is not None:
        query = query.where(Thing.open == is_open)
    order = Thing.id.desc() if newest else Thing.id
    return query.order_by(order).limit(limit).offset(offset)


@compiled(Short)
def sizes(name: str) -> Query:
    return Thing.select(Thing.size, Thing.name).where(Thing.name == name)


@compiled(int)
def total(status: str | None = None) -> Query:
    query = Thing.select(peewee.fn.COALESCE(peewee.fn.SUM(Thing.size), 0).alias("total"))
    return query if status is None else query.where(Thing.status == status)


def plainly(arguments: dict[str, Any]) -> list[Full]:
    """The same question in plain peewee."""
    query = Thing.select()
    if arguments.get("status") is not None:
        query = query.where(Thing.status == arguments["status"])
    if arguments.get("smallest") is not None:
        query = query.where(Thing.size >= arguments["smallest"])
    if arguments.get("since") is not None:
        query = query.where(Thing.at >= arguments["since"])
    if arguments.get("ids") is not None:
        query = query.where(Thing.id.in_(arguments["ids"]))
    if arguments.get("is_open") is not None:
        query = query.where(Thing.open == arguments["is_open"])
    order = Thing.id.desc() if arguments.get("newest", True) else Thing.id
    query = query.order_by(order).limit(arguments.get("limit", 50))
    query = query.offset(arguments.get("offset", 0))
    names = Full.__struct_fields__
    return [Full(*[getattr(thing, name) for name in names]) for thing in query]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MOMENTS = st.datetimes(
    datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)
) | st.datetimes(datetime(2020, 1, 1), datetime(2021, 1, 1), timezones=st.timezones())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
THINGS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "status": st.sampled_from(["DRAFT", "ACTIVE", "ENDED"]),
        "size": st.integers(-(2**31), 2**31 - 1),
        "weight": st.none() | st.floats(-1e6, 1e6, width=32),
        "price": st.none() | st.decimals(0, 10**8, places=2),
        "open": st.booleans(),
        "at": MOMENTS,
        "until": st.none() | MOMENTS,
        "tags": st.lists(JSON, max_size=3),
    }
)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["DRAFT", "ACTIVE", "NONE"]) | st.none(),
        "smallest": st.integers(-10, 10) | st.none(),
        "since": MOMENTS | st.none(),
        "is_open": st.booleans() | st.none(),
        "newest": st.booleans(),
        "limit": st.integers(0, 5),
        "offset": st.integers(0, 3),
    },
)


@pytest.fixture(scope="module")
def both(tmp_path_factory, postgres_cluster):
    url = postgres_cluster.create_database()
    path = tmp_path_factory.mktemp("both") / "site.db"
    databases = (Database.open(f"sqlite:///{path}"), Database.open(url))
    for database in databases:
        database.sync.write(lambda tx: tx.database.create_tables([Group, Thing]))
    yield databases
    for database in databases:
        database.close()


def fill(tx, rows):
    Thing.delete().execute()
    for row in rows:
        Thing.create(**row)


@pytest.mark.postgresql
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(THINGS, max_size=6),
    questions=st.lists(QUESTIONS, min_size=1, max_size=4),
    chosen=st.none() | st.lists(st.integers(0, 7), max_size=8),
)
def test_compiled_queries_return_what_plain_peewee_does_on_both_databases(
    both, rows, questions, chosen
):
    ids = [new_id() for _ in range(8)]
    stored = [{**row, "id": identifier} for row, identifier in zip(rows, ids, strict=False)]
    for database in both:
        database.sync.write(fill, stored)
    for question in questions:
        arguments = dict(question)
        if chosen is not None:
            arguments["ids"] = [ids[index] for index in chosen]
        results = []
        for database in both:
            inside = database.sync.read(lambda a=arguments: (things(**a).all(), plainly(a)))
            results += [*inside, database.sync.all(things(**arguments))]
            results.append(asyncio.run(database.all(things(**arguments))))
            unlimited = {k: v for k, v in arguments.items() if k not in ("limit", "offset")}
            counted = database.sync.count(things(**arguments))
            assert counted == len(database.sync.all(things(**unlimited)))
        assert all(result == results[0] for result in results), arguments
        kinds = {type(value) for result in results for row in result for value in [row.at.tzinfo]}
        assert kinds <= {type(UTC)}


@pytest.fixture
def table(make_tables, database):
    make_tables(Group, Thing)
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    def make(tx, count):
        return [Thing.create(name=f"n{i}", size=i, at=now).id for i in range(count)]

    return lambda count: database.sync.write(make, count)


async def test_one_all_and_count(database, table):
    ids = table(5)
    assert await database.one(things(ids=[ids[2]])) == (await database.all(things()))[2]
    assert await database.get(things(ids=[ids[2]])) == (await database.all(things()))[2]
    assert await database.one(things(ids=[])) is None
    absent = things(ids=[])
    for call in (
        database.get(absent),
        database.read(absent.get),
        asyncio.to_thread(database.sync.get, absent),
    ):
        with pytest.raises(RowNotFound, match="things found no row"):
            await call
    assert await database.one(things(ids=[new_id()])) is None
    assert await database.count(things(limit=2)) == 5
    assert await database.count(things(), limit=3) == 4
    assert await database.one(sizes("n3")) == Short(name="n3", size=3)
    assert await database.one(total()) == 10
    assert await database.one(total(status="NONE")) == 0


def test_calls_are_checked_as_those_of_a_function():
    with pytest.raises(TypeError, match="name"):
        sizes()
    with pytest.raises(TypeError, match="nope"):
        sizes("x", nope=1)
    with pytest.raises(TypeError, match="multiple values"):
        sizes("x", name="y")


def test_a_naive_datetime_is_refused(database, table):
    with pytest.raises(NaiveDatetime):
        database.sync.all(things(since=datetime(2026, 1, 1)))


async def test_tables_read_are_collected_wherever_the_query_runs(database, table):
    table(1)

    @compiled(Short)
    def joined() -> Query:
        return Thing.select(Thing.name, Thing.size).join(Group, peewee.JOIN.LEFT_OUTER)

    for ask in (
        lambda: database.all(joined()),
        lambda: database.read(lambda: joined().all()),
        lambda: database.read(lambda: list(Thing.select().join(Group))),
        lambda: asyncio.to_thread(database.sync.one, joined()),
    ):
        collected: set[str] = set()
        token = read_tags.set(collected)
        await ask()
        read_tags.reset(token)
        assert collected >= {"test_thing", "test_group"}


class Slow(msgspec.Struct):
    total: int


@compiled(Slow)
def slow(limit: int) -> Query:
    numbers = peewee.SQL(
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)"
        " SELECT COUNT(*) FROM n)"
    )
    return Thing.select(numbers.alias("total")).limit(limit)


async def test_a_slow_query_leaves_the_event_loop_alone(sqlite_url):
    database = Database.open(sqlite_url)
    await database.write(lambda tx: tx.database.create_tables([Group, Thing]))
    await database.write(lambda tx: Thing.create(name="x", at=tx.now).id)
    loop = asyncio.get_running_loop()
    ticks = []

    async def tick():
        while True:
            ticks.append(loop.time())
            await asyncio.sleep(0.001)

    ticker = asyncio.ensure_future(tick())
    await asyncio.sleep(0)
    plan, values = slow(limit=1).prepare("sqlite")
    assert database.engine.fetch_now(plan, values) is None, "stopped after a millisecond"
    assert (await database.one(slow(limit=1))).total == 400_000
    assert database.engine.fetch_now(plan, values) is None, "stopped again"
    began = time.thread_time()
    assert all(database.engine.fetch_now(plan, values) is None for _ in range(1000))
    assert time.thread_time() - began < 1000 * LOOP_SECONDS / 2, "not even begun any more"
    ticker.cancel()
    assert len(ticks) > 5
    fast_plan, fast_values = things().prepare("sqlite")
    assert database.engine.fetch_now(fast_plan, fast_values), "others still run in the loop"
    database.close()


async def test_one_stall_of_the_machine_does_not_banish_a_query(sqlite_url, monkeypatch):
    database = Database.open(sqlite_url)
    await database.write(lambda tx: tx.database.create_tables([Group, Thing]))
    await database.write(lambda tx: [Thing.create(name=f"{n}", at=tx.now) for n in range(300)])
    plan, values = things(limit=300).prepare("sqlite")
    for _ in range(3):
        monkeypatch.setattr("changemaker_core.db.sqlite.engine.LOOP_SECONDS", -1.0)
        assert database.engine.fetch_now(plan, values) is None
        monkeypatch.setattr("changemaker_core.db.sqlite.engine.LOOP_SECONDS", 10.0)
        assert len(database.engine.fetch_now(plan, values)) == 300
    database.close()


async def test_a_query_that_was_stopped_is_not_prepared_again_and_again(sqlite_url, monkeypatch):
    database = Database.open(sqlite_url)
    await database.write(lambda tx: tx.database.create_tables([Group, Thing]))
    await database.write(lambda tx: [Thing.create(name=f"{n}", at=tx.now) for n in range(300)])
    plan, values = things(limit=300).prepare("sqlite")
    monkeypatch.setattr("changemaker_core.db.sqlite.engine.LOOP_SECONDS", -1.0)
    assert database.engine.fetch_now(plan, values) is None
    monkeypatch.setattr("changemaker_core.db.sqlite.engine.LOOP_SECONDS", 10.0)
    assert len(database.engine.fetch_now(plan, values)) == 300
    prepared = []
    # SQLite asks its authoriser about whatever it prepares.
    database.engine._local.connection.set_authorizer(
        lambda *action: prepared.append(action) or sqlite3.SQLITE_OK
    )
    database.engine.fetch_now(plan, values)  # a new authoriser is called for everything once more
    before = len(prepared)
    assert before > 0
    assert len(database.engine.fetch_now(plan, values)) == 300
    assert len(prepared) == before
    database.close()


async def test_an_error_in_the_loop_is_peewees(sqlite_url):
    database = Database.open(sqlite_url)
    with pytest.raises(peewee.OperationalError, match="no such table"):
        await database.all(things())
    database.close()


# What is refused when the query is defined


def refused(match: str):
    return pytest.raises(QueryRefused, match=match)


def test_looking_at_a_parameter_is_refused():
    with refused("has no value while the query is built"):

        @compiled(Short)
        def truth(status: str | None = None) -> Query:
            query = Thing.select(Thing.name, Thing.size)
            return query.where(Thing.status == status) if status else query

    with refused("shape="):

        @compiled(Short)
        def equality(status: str) -> Query:
            if status == "ACTIVE":
                return Thing.select(Thing.name, Thing.size)
            return Thing.select(Thing.name, Thing.size).where(Thing.open)

    with refused("has no value"):

        @compiled(Short)
        def formatting(status: str) -> Query:
            where = peewee.SQL(f"status = '{status}'")
            return Thing.select(Thing.name, Thing.size).where(where)

    with refused("has no value"):

        @compiled(Short)
        def paging(page: int) -> Query:
            return Thing.select(Thing.name, Thing.size).paginate(page)


ORDERS = {"name": Thing.name, "size": Thing.size}


@pytest.mark.parametrize(
    "order",
    [
        lambda sort: ORDERS[sort],
        lambda sort: ORDERS.get(sort, Thing.id),
        lambda sort: Thing.name if sort in ORDERS else Thing.id,
        lambda sort: Thing.name.desc() if sort.startswith("-") else Thing.name,
        lambda sort: Thing.name if sort.lower() else Thing.id,
    ],
)
def test_an_order_chosen_by_a_parameter_is_refused_and_not_ignored(order):
    def things_by(sort: str = "name") -> Query:
        return Thing.select(Thing.name, Thing.size).order_by(order(sort))

    with refused(r"shape=\('sort',\)"):
        compiled(Short)(things_by)


@pytest.mark.parametrize("kind", [str, bool, Literal["open", "closed"]])
def test_a_query_with_a_shape_is_tried_where_it_is_defined(kind):
    def things_of(state, limit: int) -> Query:
        return Thing.select(Thing.name, Thing.size).limit(max(limit, 10))

    things_of.__annotations__["state"] = kind
    with refused("'limit' has no value"):
        compiled(Short, shape=("state",))(things_of)


def test_a_value_that_is_made_up_for_the_shape_need_not_be_known():
    @compiled(Short, shape=("sort",))
    def sorted_by(sort: str) -> Query:
        return Thing.select(Thing.name, Thing.size).order_by(ORDERS[sort])

    assert sorted_by("size").prepare("sqlite")[0].sql.endswith('ORDER BY "t1"."size"')


def test_a_list_may_be_excluded(database, table):
    @compiled(str)
    def others(names: list[str]) -> Query:
        return Thing.select(Thing.name).where(Thing.name.not_in(names)).order_by(Thing.name)

    names = sorted(row.name for row in database.sync.all(things()))
    assert database.sync.all(others([])) == names
    assert database.sync.all(others(names[:2])) == [n for n in names if n not in names[:2]]


def test_a_list_is_compared_with_a_column_only():
    with refused("'names' is a list"):

        @compiled(Short)
        def listed(names: list[str]) -> Query:
            lower = peewee.fn.LOWER(Thing.name)
            return Thing.select(Thing.name, Thing.size).where(lower.in_(names))


def test_a_parameter_of_unknown_type_is_refused():
    with refused("type of 'what' is not known"):

        @compiled(Short)
        def untyped(what) -> Query:
            column = peewee.fn.COALESCE(what, Thing.name).alias("name")
            return Thing.select(column, Thing.size)


def test_a_literal_of_unknown_type_is_refused():
    with refused("no type that both databases know"):

        @compiled(Short)
        def literal() -> Query:
            where = peewee.fn.LOWER(Thing.name) == object()
            return Thing.select(Thing.name, Thing.size).where(where)


def test_rows_must_fit():
    with refused("has no such field"):

        @compiled(Short)
        def too_much() -> Query:
            return Thing.select(Thing.name, Thing.size, Thing.open)

    with refused("needs size"):

        @compiled(Short)
        def too_little() -> Query:
            return Thing.select(Thing.name)

    with refused("without a name"):

        @compiled(Short)
        def unnamed() -> Query:
            return Thing.select(Thing.name, peewee.fn.COUNT(Thing.id))

    with refused("do not fit"):

        @compiled(int)
        def several() -> Query:
            return Thing.select(Thing.name, Thing.size)


def test_a_json_column_is_not_compared_with_a_parameter():
    with refused("as_text"):

        @compiled(Short)
        def by_tags(tags: str) -> Query:
            return Thing.select(Thing.name, Thing.size).where(Thing.tags == tags)

    with refused("as_text"):

        @compiled(Short)
        def by_first(tag: str) -> Query:
            return Thing.select(Thing.name, Thing.size).where(Thing.tags[0] == tag)


def test_only_selects_are_compiled():
    with refused("SELECT"):

        @compiled(Short)
        def delete() -> Query:
            return Thing.delete()


def test_shape_names_arguments():
    with refused("shape names"):

        @compiled(Short, shape=("newest",))
        def nothing() -> Query:
            return Thing.select(Thing.name, Thing.size)


def test_json_paths_as_text_and_intervals(database, make_tables):
    make_tables(Group, Thing)

    @compiled(Short)
    def tagged(tag: str, since: datetime) -> Query:
        query = Thing.select(Thing.name, Thing.size)
        return query.where(Thing.tags[0].as_text() == tag, Thing.at > since)

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    database.sync.write(lambda tx: Thing.create(name="a", tags=["x"], at=moment).id)
    assert database.sync.one(tagged("x", moment - timedelta(seconds=1))).name == "a"
    assert database.sync.one(tagged("y", moment - timedelta(seconds=1))) is None
    assert database.sync.one(tagged("x", moment)) is None
