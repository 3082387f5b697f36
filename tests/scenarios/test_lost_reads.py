"""The cable to the database is pulled while pages are read from it."""

from __future__ import annotations

import asyncio
import contextlib

import peewee
import pytest

from changemaker_core.db import Database, DatabaseUnavailable, Query, compiled
from changemaker_core.testing.postgres import PostgresCluster
from tests.bench.netns import machines

pytestmark = [pytest.mark.netns, pytest.mark.postgresql]

#: As an operator may write them, so that the test does not have to be more patient.
PATIENCE = "?connect_timeout=2&tcp_user_timeout=2000&keepalives_idle=1&keepalives_interval=1"


@compiled(str)
def slept(seconds: int) -> Query:
    slept = peewee.Cast(peewee.fn.pg_sleep(seconds), "TEXT")
    return peewee.Select(columns=[slept.alias("slept")])


async def read_while(net, url):
    database = Database.open(url)
    await asyncio.gather(*[database.one(slept(0)) for _ in range(4)])
    sent_before = [asyncio.create_task(database.one(slept(1))) for _ in range(4)]
    await asyncio.sleep(0.3)
    await asyncio.to_thread(net.cut, "database")
    sent_after = [asyncio.create_task(database.one(slept(0))) for _ in range(40)]
    turns = 0
    async with asyncio.timeout(60):
        while not all(task.done() for task in (*sent_before, *sent_after)):
            turns += 1
            await asyncio.sleep(0.01)
    assert turns > 20, "the event loop was held up"
    failures = {type(task.exception()) for task in (*sent_before, *sent_after)}
    assert failures == {DatabaseUnavailable}
    await asyncio.to_thread(net.fix, "database")
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                assert await database.one(slept(0)) == ""
                break
    await asyncio.to_thread(database.close)


def test_reads_of_a_server_that_vanishes_end_and_come_back_with_it():
    cluster = PostgresCluster(neighbours=True)
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(machines("web", "database"))
        with net.inside("database"):
            stack.callback(cluster.stop)
            cluster.start()
            url = cluster.create_database()
        url = url.replace("127.0.0.1", net.address("database", "web")) + PATIENCE
        with net.inside("web"):
            asyncio.run(read_while(net, url))
