"""Compiled reads of PostgreSQL in the event loop: the same answers, and nobody left waiting."""

from __future__ import annotations

import asyncio
import gc
import time

import msgspec
import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import (
    Database,
    JSONField,
    Model,
    NestedUnitOfWork,
    Query,
    UtcField,
    UUIDField,
    compiled,
    migrations,
    new_id,
    utcnow,
)
from changemaker_core.db.postgresql.async_reads import PREPARED
from changemaker_core.db.postgresql.settings import PoolSettings

pytestmark = pytest.mark.postgresql

CONNECTIONS = PoolSettings.read_connections


class Town(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField(null=True)
    people = peewee.IntegerField(default=0)
    visitors = peewee.BigIntegerField(default=0)
    is_open = peewee.BooleanField(default=True)
    height = peewee.DoubleField(default=0.0)
    facts = JSONField(null=True)
    founded_at = UtcField(default=utcnow)

    class Meta:
        table_name = "looptest_town"


class TownRow(msgspec.Struct):
    id: str
    name: str | None
    people: int
    visitors: int
    is_open: bool
    height: float
    facts: dict[str, int] | None


class Numbered(msgspec.Struct):
    number: int
    one: str
    two: str
    three: str


class Tally(msgspec.Struct):
    large: object
    kind: object
    yes: object


_ROW = tuple(getattr(Town, name) for name in TownRow.__struct_fields__)


@compiled(TownRow)
def towns(
    name: str | None = None,
    people: int | None = None,
    visitors: int | None = None,
    is_open: bool | None = None,
    height: float | None = None,
    limit: int = 50,
) -> Query:
    query = Town.select(*_ROW)
    if name is not None:
        query = query.where(Town.name == name)
    if people is not None:
        query = query.where(Town.people <= people)
    if visitors is not None:
        query = query.where(Town.visitors <= visitors)
    if is_open is not None:
        query = query.where(Town.is_open == is_open)
    if height is not None:
        query = query.where(Town.height <= height)
    return query.order_by(Town.id).limit(limit)


@compiled(TownRow)
def town_by_id(id: str) -> Query:
    return Town.select(*_ROW).where(Town.id == id)


@compiled(str)
def ids_of(names: list[str]) -> Query:
    return Town.select(Town.id).where(Town.name.in_(names))


@compiled(Tally)
def tally(over: int) -> Query:
    """Constants beside arguments, whose types decide those of the answer."""
    large = peewee.fn.SUM(peewee.Case(None, [(Town.people > over, 1)], 0))
    return Town.select(
        large.alias("large"), peewee.Value("town").alias("kind"), peewee.Value(False).alias("yes")
    ).where(peewee.fn.MOD(peewee.fn.LENGTH(Town.name), 2) == 1)


@compiled(Numbered)
def numbers(count: int) -> Query:
    beside = [peewee.SQL(f"'{name}'").alias(name) for name in ("one", "two", "three")]
    return peewee.Select(columns=[peewee.fn.generate_series(1, count).alias("number"), *beside])


@compiled(int)
def runs_of_prepared() -> Query:
    """How often the session has run prepared statements before."""
    runs = "(SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements)"
    return peewee.Select(columns=[peewee.SQL(runs).alias("runs")])


@compiled(int)
def divided(by: int) -> Query:
    return Town.select((Town.people / by).alias("part"))


@compiled(str)
def call_by_name(name: str) -> Query:
    return peewee.Select(columns=[peewee.fn.looptest_call(name).alias("answer")])


@pytest.fixture
def postgres(postgresql_url):
    database = Database.open(postgresql_url)
    migrations.apply(database, [migrations.CORE])
    database.sync.write(lambda tx: tx.database.create_tables([Town]))
    yield database
    database.close()


# The same answers

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Aylmer", "O'Hara %s 100%", "Été\\'"]) | TEXTS,
        "people": st.integers(-(2**40), 2**40),
        "visitors": st.integers(-(2**63), 2**63),
        "is_open": st.booleans(),
        "height": st.floats(allow_nan=False),
        "limit": st.integers(0, 2**40),
    },
)


def some_towns(tx):
    for number, name in enumerate(["Aylmer", "O'Hara %s 100%", "Été\\'", None, "Bow"]):
        Town.create(
            name=name,
            people=number * 10**9 // 2 - 1,
            visitors=number * 2**61 - 2**60,
            is_open=number % 2 == 0,
            height=number * 1.5,
            facts={"number": number} if number else None,
        )


async def test_the_loop_answers_as_threads_do(postgres):
    """Also the second time, when a statement is prepared, and whatever the arguments are."""
    await postgres.write(some_towns)

    async def compare(bound):
        expected = await asyncio.to_thread(postgres.sync.all, bound)
        assert await postgres.all(bound) == expected
        assert await postgres.all(bound) == expected
        counted = await asyncio.to_thread(postgres.sync.count, bound)
        assert await postgres.count(bound) == counted
        return expected

    seen = set()
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(filters=FILTERS)
    def each(filters):
        found = asyncio.run_coroutine_threadsafe(compare(towns(**filters)), loop).result(30)
        seen.update(row.name for row in found)

    await asyncio.to_thread(each)
    assert len(seen) > 2


async def test_types_of_constants_are_those_of_statements_that_are_written_out(postgres):
    await postgres.write(some_towns)
    expected = await asyncio.to_thread(postgres.sync.one, tally(5))
    for _ in range(3):
        answer = await postgres.one(tally(5))
        assert answer == expected
        assert [type(value) for value in msgspec.structs.astuple(answer)] == [int, str, bool]


async def test_lists_of_any_length(postgres):
    await postgres.write(some_towns)
    for names in ([], ["Bow"], ["Bow", "Aylmer", "nowhere"]):
        found = await postgres.all(ids_of(names))
        assert len(found) == len({"Bow", "Aylmer"} & set(names))


def test_more_than_fits_into_a_socket_is_sent_and_received(postgres, run, say):
    async def story():
        await postgres.write(some_towns)
        names = [f"nowhere {number}" * 20 for number in range(20_000)]
        async with asyncio.timeout(60):
            assert len(await postgres.all(ids_of([*names, "Bow"]))) == 1
            long = "x" * 5_000_000
            assert (await postgres.one(say(long))).said == long
            assert (await postgres.one(say("short"))).said == "short"

    run(story())


@pytest.fixture
def no_collection():
    """Without Python's collector, which takes its time for what other tests have left."""
    gc.disable()
    yield
    gc.enable()


async def test_many_rows_hold_nobody_up(postgres, no_collection):
    """The longest that others wait for their turn is a small part of what all rows take."""
    count, longest = 200_000, 0.0
    reading = asyncio.create_task(postgres.all(numbers(count)))
    while not reading.done():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - began)
    assert [row.number for row in reading.result()] == list(range(1, count + 1))
    plan, values = numbers(count).prepare("postgresql")
    fetched = [msgspec.structs.astuple(row) for row in reading.result()]
    began = time.thread_time()
    plan.make_rows(values, fetched, True)
    assert longest < (time.thread_time() - began) / 2


async def test_it_reads_what_was_committed_before(postgres):
    for number in range(50):
        await postgres.write(lambda tx, n=number: Town.create(name=f"town {n}").id)
        assert (await postgres.one(towns(name=f"town {number}"))).name == f"town {number}"


async def test_errors_are_those_of_threads(postgres, ask, say):
    await postgres.write(some_towns)

    async def error_of(bound):
        errors = []
        for _ in range(3):
            with pytest.raises(Exception) as caught:
                await postgres.all(bound)
            errors.append(caught.value)
        with pytest.raises(Exception) as caught:
            await asyncio.to_thread(postgres.sync.all, bound)
        assert {type(error) for error in errors} == {type(caught.value)}
        assert {str(error) for error in errors} == {str(caught.value)}
        return caught.value

    assert isinstance(await error_of(divided(0)), peewee.DataError)
    assert "NUL" in str(await error_of(towns(name="a\0b")))
    ask("DROP TABLE looptest_town")
    assert isinstance(await error_of(divided(1)), peewee.ProgrammingError)
    assert (await postgres.one(say("still there"))).said == "still there"


async def test_many_that_cannot_be_asked_at_once(postgres, say):
    bounds = [towns(name="a\0b") for _ in range(1500)]
    reads = [postgres.all(bound) for bound in (*bounds, say("fine"))]
    *refused, fine = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(error) for error in refused} == {ValueError}
    assert [row.said for row in fine] == ["fine"]


async def test_sessions_are_those_of_threads_and_notices_are_nothing(postgres, ask):
    ask(
        "CREATE FUNCTION looptest_call(name text) RETURNS text LANGUAGE plpgsql AS $$BEGIN"
        " FOR i IN 1..200 LOOP RAISE NOTICE 'heard %', i; END LOOP;"
        " RETURN current_setting(name); END$$"
    )
    for name in ("TimeZone", "application_name", "DateStyle", "transaction_isolation"):
        expected = await asyncio.to_thread(postgres.sync.one, call_by_name(name))
        assert [await postgres.one(call_by_name(name)) for _ in range(2)] == [expected] * 2
    assert await postgres.one(call_by_name("TimeZone")) == "UTC"


async def test_a_value_that_python_has_none_for_is_the_askers_error(postgres, ask, say):
    ask("CREATE FUNCTION looptest_call(text) RETURNS text STABLE LANGUAGE sql AS 'SELECT $1'")
    ask(
        "INSERT INTO looptest_town VALUES (gen_random_uuid(), 'old', 0, 0, true, 0, NULL,"
        " '0044-03-15 BC')"
    )

    @compiled(object)
    def founded() -> Query:
        return Town.select(Town.founded_at)

    async with asyncio.timeout(60):
        for _ in range(CONNECTIONS + 1):
            with pytest.raises(ValueError):
                await postgres.all(founded())
    assert (await postgres.one(say("still there"))).said == "still there"


async def test_within_a_unit_of_work_it_is_refused(postgres):
    def nested():
        return asyncio.run(postgres.all(towns()))

    with pytest.raises(NestedUnitOfWork):
        await postgres.read(nested)


# Prepared statements


async def test_statements_are_prepared_and_run_by_name(postgres):
    await postgres.write(some_towns)
    (town,) = await postgres.all(towns(name="Bow"))
    before = await postgres.one(runs_of_prepared())
    for _ in range(5):
        assert await postgres.one(town_by_id(town.id)) == town
        assert await postgres.one(towns(name="Bow", people=2**31 - 1, is_open=True)) == town
    # Each of them, and the question itself that was asked before.
    assert await postgres.one(runs_of_prepared()) == before + 10 + 1


async def test_statements_that_are_forgotten_or_outdated_are_sent_as_they_are(postgres, ask):
    await postgres.write(some_towns)
    ask(
        "CREATE FUNCTION looptest_call(name text) RETURNS text LANGUAGE plpgsql AS"
        " $$BEGIN EXECUTE name; RETURN name; END$$"
    )
    for _ in range(3):
        assert (await postgres.one(towns(name="Bow"))).people == 1999999999
    assert await postgres.one(call_by_name("DEALLOCATE ALL")) == "DEALLOCATE ALL"
    for _ in range(3):
        assert (await postgres.one(towns(name="Bow"))).people == 1999999999
        assert (await postgres.one(call_by_name("SELECT 1"))) == "SELECT 1"
    ask("ALTER TABLE looptest_town ALTER people TYPE bigint")
    for _ in range(3):
        assert (await postgres.one(towns(people=-1))).people == -1


async def test_a_connection_keeps_no_more_statements_than_it_may(postgres):
    @compiled(int)
    def kept() -> Query:
        return peewee.Select(
            columns=[peewee.SQL("(SELECT count(*) FROM pg_prepared_statements)").alias("kept")]
        )

    for number in range(PREPARED + 50):
        # A query of its own each time: they are told apart by what they are.
        assert await postgres.one(compiled(TownRow)(towns._function)(people=number)) is None
    assert await postgres.one(kept()) <= PREPARED + 1  # the oldest goes when the next one is there


#: What is read in the loop, and what is left to threads since asyncpg's values would be others.
EXPRESSIONS = [
    "ARRAY['01890a5d-ac96-774b-bcce-b302099a8057'::uuid]",
    "timestamptz '1815-12-10 12:00:00.123456+01'",
    "'infinity'::timestamptz",
    "date '2026-02-28'",
    "'infinity'::date",
    "1.50",
    "'NaN'::numeric",
    "10::bigint",
    "'x'::char(3)",
    "NULL::uuid",
    """'{"a": [1]}'::jsonb""",
    "ARRAY[1, 2]",
    "ARRAY['a', NULL]",
    """ARRAY['{"a": 1}'::json]""",
    "interval '1 day 2 seconds'",
    "0.1::real",
    "timestamp '2026-02-28 12:00'",
    "time '12:00'",
    "1::oid",
    "'2 dogs'::name",
    "row(1, 'a')",
    "int4range(1, 3)",
    "point '(1, 2)'",
]


@compiled(object, shape=("sql",))
def value_of(sql: str) -> Query:
    return peewee.Select(columns=[peewee.SQL(sql).alias("value")])


@pytest.mark.parametrize("sql", EXPRESSIONS)
async def test_values_are_those_that_psycopg2_reads(postgres, sql):
    expected = await asyncio.to_thread(postgres.sync.one, value_of(sql))
    for _ in range(2):
        found = await postgres.one(value_of(sql))
        assert (type(found), repr(found)) == (type(expected), repr(expected))


async def test_bytes_are_those_that_psycopg2_reads(postgres):
    found = await postgres.one(value_of("'\\x00ff'::bytea"))
    assert isinstance(found, memoryview)
    assert bytes(found) == b"\0\xff"
