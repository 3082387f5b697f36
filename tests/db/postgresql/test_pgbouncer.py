"""PostgreSQL behind a real PgBouncer, in session mode and in transaction mode."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

import peewee
import pytest

from changemaker_core.db import (
    Database,
    DatabaseUnavailable,
    Model,
    PoolSettings,
    Query,
    UtcField,
    UUIDField,
    compiled,
    migrations,
    new_id,
    tables_of,
    utcnow,
)

pytestmark = [pytest.mark.postgresql, pytest.mark.pgbouncer]

UNPREPARED = PoolSettings(prepare=False)


class Item(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField()
    number = peewee.IntegerField(default=0)
    made_at = UtcField(default=utcnow)

    class Meta:
        table_name = "pooltest_item"


@compiled(str)
def ids_of(name: str) -> Query:
    return Item.select(Item.id).where(Item.name == name)


@compiled(int)
def numbers_of(name: str) -> Query:
    return Item.select(Item.number).where(Item.name == name)


@compiled(str)
def names_of(number: int) -> Query:
    return Item.select(Item.name).where(Item.number == number)


@pytest.fixture
def direct_url(postgresql_url):
    """A database with the table of items, in a server whose own time zone is far from UTC."""
    database = Database.open(postgresql_url)
    migrations.apply(database, [migrations.CORE])
    database.sync.write(lambda tx: tx.database.create_tables([Item]))
    database.close()
    return postgresql_url


@asynccontextmanager
async def opened(url, pools=None):
    database = Database.open(url, pools=pools)
    await database.changes.start()
    try:
        yield database
    finally:
        await database.changes.stop()
        await asyncio.to_thread(database.close)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def work(database, name, rounds=30):
    """Write and read in turns, as several processes do at once."""
    for number in range(rounds):
        item = await database.write(lambda tx, n=number: Item.create(name=name, number=n).id)
        assert item in await database.all(ids_of(name))
        assert sorted(await database.all(numbers_of(name))) == list(range(number + 1))
        assert name in await database.all(names_of(number))
        assert await database.read(lambda: Item.select().where(Item.name == name).count())
    await database.write(lambda tx: Item.delete().where(Item.name == name).execute())
    assert await database.all(ids_of(name)) == []


@pytest.mark.parametrize(
    ("mode", "pools"),
    [
        ("session", None),
        ("session", UNPREPARED),
        ("transaction", UNPREPARED),
        ("transaction", None),  # set up wrongly: slower, and right all the same
    ],
)
async def test_reads_and_writes_are_right(pgbouncer, direct_url, mode, pools):
    """Several processes' databases take turns on fewer sessions, in transaction mode."""
    size = 3 if mode == "transaction" else 60
    url = pgbouncer(mode, size).url_of(direct_url)
    async with opened(url, pools) as one, opened(url, pools) as other:
        jobs = [work(database, f"{n}") for n in range(6) for database in (one, other)[n % 2 :][:1]]
        async with asyncio.timeout(60):
            await asyncio.gather(*jobs)


async def test_a_time_is_the_same_whatever_the_time_zone_of_the_server(pgbouncer, direct_url, ask):
    ask(f"ALTER DATABASE \"{direct_url.rpartition('/')[2]}\" SET timezone = 'America/St_Johns'")

    @compiled(object)
    def times() -> Query:
        return Item.select(Item.made_at)

    async with opened(pgbouncer("session").url_of(direct_url)) as database:
        item = await database.write(lambda tx: Item.create(name="timed"))
        assert await database.all(times()) == [item.made_at]
        assert await asyncio.to_thread(database.sync.all, times()) == [item.made_at]
        assert await database.read(lambda: Item.get().made_at) == item.made_at


async def test_in_session_mode_other_processes_are_heard(pgbouncer, direct_url):
    url = pgbouncer("session").url_of(direct_url)
    async with opened(url) as one, opened(url) as other:
        heard = []
        one.changes.subscribe(heard.append)
        assert not one.engine.listener.is_cut_off
        await other.write(lambda tx: Item.create(name="heard").id)
        await until(lambda: {"pooltest_item"} in map(tables_of, filter(None, heard)))
        assert await one.engine.latest_tokens() is not None


async def test_in_transaction_mode_nothing_is_taken_for_heard(pgbouncer, direct_url, caplog):
    """LISTEN leads nowhere there: everything may have changed, at any time."""
    url = pgbouncer("transaction").url_of(direct_url)
    with caplog.at_level(logging.WARNING):
        async with opened(url, UNPREPARED) as database:
            for _ in range(20):
                assert database.engine.listener.is_cut_off
                assert database.engine.check() is None
                assert await database.engine.latest_tokens() is None
                await asyncio.sleep(0.1)
    (record,) = [each for each in caplog.records if "transaction mode" in each.message]
    assert "direct" in record.message or "PostgreSQL itself" in record.message


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_pooler_that_restarts_costs_errors_and_nothing_else(pgbouncer, direct_url, mode):
    pooler = pgbouncer(mode)
    async with opened(pooler.url_of(direct_url), UNPREPARED) as database:
        await work(database, "before", rounds=3)
        pooler.kill()
        with pytest.raises(DatabaseUnavailable):
            await database.all(ids_of("x"))
        with pytest.raises(DatabaseUnavailable):
            await database.write(lambda tx: Item.create(name="x").id)
        pooler.start()
        await work(database, "after", rounds=3)


async def test_sessions_that_end_behind_a_pooler_are_replaced(pgbouncer, direct_url, ask):
    url = pgbouncer("session").url_of(direct_url)
    async with opened(url) as database:
        await work(database, "before", rounds=3)
        ended = ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert len(ended) >= 3
        await work(database, "after", rounds=3)
        await until(lambda: not database.engine.listener.is_cut_off)


async def test_a_read_whose_caller_goes_away_is_cancelled_through_it(pgbouncer, direct_url, say):
    pooler = pgbouncer("session")
    async with opened(pooler.url_of(direct_url)) as database:
        await database.one(say("warm"))
        tasks = [asyncio.create_task(database.one(say("gone", 60_000))) for _ in range(20)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*[database.one(say(f"{n}")) for n in range(40)])
        assert [answer.said for answer in answers] == [f"{n}" for n in range(40)]
