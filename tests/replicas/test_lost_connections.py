"""Connections that are lost without a word, or with a word missing."""

from __future__ import annotations

import asyncio

import peewee
import pytest

from changemaker_core.db import (
    Database,
    DatabaseUnavailable,
    Model,
    UUIDField,
    migrations,
    new_id,
    tables_of,
)

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
END = WAITING.replace("pid", "pg_terminate_backend(pid)", 1)


class Item(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField()

    class Meta:
        table_name = "losttest_item"


@pytest.fixture
def url(crashing):
    made = crashing.create_database()
    database = Database.open(made)
    migrations.apply(database, [migrations.CORE])
    database.sync.write(lambda tx: tx.database.create_tables([Item]))
    database.close()
    return made


@pytest.fixture
async def database(url):
    opened = Database.open(url)
    await opened.changes.start()
    yield opened
    await opened.changes.stop()
    await asyncio.to_thread(opened.close)


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def test_a_primary_that_hangs_is_noticed_and_heard_again(crashing, database):
    told = []
    database.changes.subscribe(told.append)
    crashing.hang()
    try:
        await until(lambda: database.engine.listener.is_cut_off)
        assert None in told  # nothing that was kept is believed any more
        assert await database.engine.latest_tokens() is None
    finally:
        crashing.go_on()
    await until(lambda: not database.engine.listener.is_cut_off)
    assert await database.engine.latest_tokens() is not None


async def test_a_commit_whose_answer_was_lost_is_news(url, database, ask):
    """It is committed, though its writer is told that it may not be: what is kept must go."""
    await asyncio.sleep(0.1)
    told = []
    database.changes.subscribe(told.append)
    for setting in ("synchronous_commit = 'on'", "synchronous_standby_names = 'nobody'"):
        ask(url, f"ALTER SYSTEM SET {setting}")
    ask(url, "SELECT pg_reload_conf()")
    await asyncio.sleep(0.3)
    writing = asyncio.create_task(database.write(lambda tx: Item.create(name="lost").id))
    await until(lambda: ask(url, WAITING))
    assert told == []
    ask(url, END)
    with pytest.raises(DatabaseUnavailable):
        await writing
    assert {"losttest_item"} in map(tables_of, told)
    assert await database.read(lambda: Item.select().count()) == 1


async def test_a_database_that_is_not_there_is_unavailable():
    database = Database.open("postgresql://postgres@127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseUnavailable):
        await database.read(int)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: None)
    await asyncio.to_thread(database.close)
