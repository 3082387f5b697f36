"""Compiled reads of PostgreSQL in the event loop: what is lost, late, or abandoned."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import threading
import time

import peewee
import pytest

from changemaker_core.db import (
    Database,
    DatabaseClosed,
    DatabaseUnavailable,
    Query,
    compiled,
)
from changemaker_core.db.postgresql.settings import PoolSettings
from changemaker_core.testing.postgres import PostgresCluster

pytestmark = pytest.mark.postgresql

CONNECTIONS = PoolSettings.read_connections


@compiled(int)
def series(count: int) -> Query:
    """Numbers from 1 to ``count``."""
    return peewee.Select(columns=[peewee.fn.generate_series(1, count).alias("number")])


@pytest.fixture
def postgres(postgresql_url):
    database = Database.open(postgresql_url)
    yield database
    database.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


async def test_no_more_connections_than_allowed_and_those_are_kept(postgres, connections, say):
    before = await asyncio.to_thread(connections)
    for _ in range(2):
        answers = await asyncio.gather(*[postgres.one(say(str(n), 1)) for n in range(200)])
        assert [answer.said for answer in answers] == [str(n) for n in range(200)]
    assert await asyncio.to_thread(connections) - before == CONNECTIONS


async def test_a_short_read_passes_long_ones(postgres, say):
    long = [asyncio.create_task(postgres.one(say("long", 2000))) for _ in range(CONNECTIONS - 1)]
    await asyncio.sleep(0.3)
    assert (await postgres.one(say("short"))).said == "short"
    assert not any(task.done() for task in long)
    await asyncio.gather(*long)


def test_connections_that_died_while_idle_are_replaced(postgres, kill, run, say):
    async def story():
        for _ in range(5):
            await asyncio.gather(*[postgres.one(say("x", 1)) for _ in range(50)])
            assert await asyncio.to_thread(kill) > CONNECTIONS // 2
            answers = await asyncio.gather(*[postgres.one(say(str(n))) for n in range(50)])
            assert [answer.said for answer in answers] == [str(n) for n in range(50)]

    run(story())


async def test_a_read_whose_connection_dies_is_repeated_once(postgres, kill, say):
    reading = asyncio.create_task(postgres.one(say("twice", 1000)))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(kill)
    assert (await reading).said == "twice"
    reading = asyncio.create_task(postgres.one(say("twice", 3000)))
    await asyncio.sleep(0.3)
    for _ in range(2):
        await asyncio.to_thread(kill)
        await asyncio.sleep(0.5)
    with pytest.raises(DatabaseUnavailable):
        await reading
    assert (await postgres.one(say("again"))).said == "again"


async def test_a_connection_that_dies_while_many_rows_are_taken_loses_none(postgres, kill, say):
    rows = 40_000
    await postgres.all(series(rows))
    for hundredths in range(12):
        # What was killed last time has been noticed: a read is repeated once, and not twice.
        await asyncio.sleep(0.1)
        await postgres.one(say("well"))
        reading = asyncio.create_task(postgres.all(series(rows)))
        await asyncio.sleep(hundredths / 100)
        await asyncio.to_thread(kill)
        assert await reading == list(range(1, rows + 1))


def test_whose_caller_goes_away_leaves_nothing_behind(postgres, connections, run, say):
    """What was asked for them is answered into the void; what was not asked yet never is."""

    async def story():
        before = await asyncio.to_thread(connections)
        tasks = [asyncio.create_task(postgres.one(say(str(n), 200))) for n in range(1000)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*[postgres.one(say(f"new {n}")) for n in range(40)])
        assert [answer.said for answer in answers] == [f"new {n}" for n in range(40)]
        assert await asyncio.to_thread(connections) - before <= CONNECTIONS

    run(story())


def test_whatever_happens_everybody_gets_their_own_answer_or_an_error(postgres, kill, run, say):
    """Callers that go away, sessions that are ended, and answers that are long: in any order."""

    async def story():
        chance = random.Random(1)  # noqa: S311  # to be the same each time

        async def one(number):
            text = f"{number}" * chance.choice([1, 1, 1, 5000])
            return (await postgres.one(say(text, chance.choice([0, 0, 5, 30])))).said == text

        outcomes = set()
        for _ in range(40):
            tasks = [asyncio.create_task(one(number)) for number in range(60)]
            await asyncio.sleep(chance.random() * 0.05)
            for task in chance.sample(tasks, 10):
                task.cancel()
            if chance.random() < 0.7:
                await asyncio.to_thread(kill)
            async with asyncio.timeout(30):
                answers = await asyncio.gather(*tasks, return_exceptions=True)
            outcomes.update(answer if answer is True else type(answer) for answer in answers)
        assert outcomes <= {True, asyncio.CancelledError, DatabaseUnavailable}
        assert {True, asyncio.CancelledError} <= outcomes
        assert await one(1)

    run(story())


async def test_a_server_that_is_not_there_is_unavailable_to_each(say):
    database = Database.open("postgresql://postgres@127.0.0.1:1/nowhere")
    answers = await asyncio.gather(
        *[database.one(say("x")) for _ in range(30)], return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    await asyncio.to_thread(database.close)


@pytest.fixture
def deaf():
    """The port of somebody who takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_a_server_that_says_nothing_is_given_up_and_holds_up_nobody(deaf, say):
    database = Database.open(f"postgresql://postgres@127.0.0.1:{deaf}/x?connect_timeout=1")
    reads = asyncio.gather(*[database.one(say("x")) for _ in range(30)], return_exceptions=True)
    turns = 0
    async with asyncio.timeout(20):
        while not reads.done():
            turns += 1
            await asyncio.sleep(0.01)
    assert turns > 10
    assert {type(answer) for answer in reads.result()} == {DatabaseUnavailable}
    await asyncio.to_thread(database.close)


async def test_the_next_host_of_an_address_is_tried(deaf, postgresql_url, say):
    at = postgresql_url.partition("@")[2]
    url = f"postgresql://postgres@127.0.0.1:{deaf},{at}?connect_timeout=1"
    database = Database.open(url)
    async with asyncio.timeout(20):
        assert (await database.one(say("found"))).said == "found"
        await database.changes.start()
        assert not database.engine.listener.is_cut_off
        await database.changes.stop()
    await asyncio.to_thread(database.close)


async def test_a_server_that_hangs_delays_and_loses_nothing(say):
    server = PostgresCluster()
    server.start()
    database = Database.open(server.create_database() + "?connect_timeout=1")
    try:
        await asyncio.gather(*[database.one(say("x", 20)) for _ in range(3)])
        server.hang()
        reads = [asyncio.create_task(database.one(say(str(n)))) for n in range(20)]
        await asyncio.sleep(2.5)
        # Those who wait for a connection that cannot be made are told so; what is asked is asked.
        failed = [task for task in reads if task.done()]
        assert {type(task.exception()) for task in failed} == {DatabaseUnavailable}
        assert len(failed) == 17
        server.go_on()
        async with asyncio.timeout(20):
            await asyncio.wait(reads)
            assert (await database.one(say("y"))).said == "y"
        assert sorted(task.result().said for task in reads if task not in failed) == ["0", "1", "2"]
    finally:
        server.go_on()
        await asyncio.to_thread(database.close)
        server.stop()


async def test_a_read_that_gets_no_response_ends_after_its_time(say):
    """The server accepts connections and reads, and never responds to them."""
    server = PostgresCluster()
    server.start()
    settings = PoolSettings(read_seconds=1)
    url = server.create_database() + "?connect_timeout=1"
    database = Database.open(url, pools=settings)
    try:
        await database.one(say("warm"))
        gone = asyncio.create_task(database.one(say("gone", 60_000)))
        await asyncio.sleep(0.2)
        server.hang()
        gone.cancel()  # which leaves a connection that is busy with it
        for _ in range(2):
            async with asyncio.timeout(6):
                answers = await asyncio.gather(
                    *[database.one(say(str(n))) for n in range(20)], return_exceptions=True
                )
            assert {type(answer) for answer in answers} == {DatabaseUnavailable}
        server.go_on()
        async with asyncio.timeout(10):
            assert (await database.one(say("back"))).said == "back"
    finally:
        server.go_on()
        await asyncio.to_thread(database.close)
        server.stop()


async def test_a_statement_that_takes_too_long_is_ended_and_runs_once(postgresql_url, ask, say):
    database = Database.open(postgresql_url, pools=PoolSettings(read_seconds=1))
    async with asyncio.timeout(5):
        with pytest.raises(DatabaseUnavailable):
            await database.one(say("late", 20_000))
    assert (await database.one(say("next"))).said == "next"
    await asyncio.to_thread(database.close)


async def test_connections_that_nothing_uses_are_closed(postgresql_url, connections, say):
    database = Database.open(postgresql_url, pools=PoolSettings(idle_seconds=1))
    await asyncio.gather(*[database.one(say("x", 50)) for _ in range(20)])
    await database.read(lambda: None)
    assert await asyncio.to_thread(connections) == CONNECTIONS + 1
    await until(lambda: connections() == 0)
    assert (await database.one(say("again"))).said == "again"
    await database.read(lambda: None)
    await asyncio.to_thread(database.close)


async def test_pools_are_as_large_as_they_are_set_to_be(postgresql_url, connections, say):
    database = Database.open(postgresql_url, pools=PoolSettings(threads=2, read_connections=3))
    work = [database.read(time.sleep, 0.1) for _ in range(20)]
    await asyncio.gather(*[database.one(say("x", 50)) for _ in range(20)], *work)
    assert await asyncio.to_thread(connections) == 5
    await asyncio.to_thread(database.close)


def test_a_server_that_reads_slowly_holds_nobody_up(run, say):
    server = PostgresCluster()
    server.start()

    async def story():
        database = Database.open(server.create_database())
        await database.one(say("warm"))
        server.hang()
        long = "x" * 20_000_000  # more than the sockets of both sides hold
        reading = asyncio.create_task(database.one(say(long)))
        await asyncio.sleep(0.5)
        assert not reading.done()
        server.go_on()
        async with asyncio.timeout(60):
            assert (await reading).said == long
            assert (await database.one(say("short"))).said == "short"
        await asyncio.to_thread(database.close)

    try:
        run(story())
    finally:
        server.go_on()
        server.stop()


# Loops, threads and processes


def test_each_event_loop_has_its_own_and_closed_ones_leave_none(postgres, connections, say):
    async def use():
        await asyncio.gather(*[postgres.one(say("x", 1)) for _ in range(50)])
        return await asyncio.to_thread(connections)

    counts = [asyncio.run(use()) for _ in range(4)]
    assert max(counts) <= counts[0] + 1  # the connections of the loop before are closed


def test_loops_of_two_threads_at_once(postgres, say):
    found = []

    async def use(name):
        for _ in range(100):
            found.append((await postgres.one(say(name))).said == name)

    threads = [threading.Thread(target=asyncio.run, args=(use(n),)) for n in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [True] * 200


async def test_what_was_asked_is_finished_when_it_closes(postgres, connections, say):
    await postgres.one(say("warm"))
    reads = [asyncio.create_task(postgres.one(say(str(n), 100))) for n in range(30)]
    await asyncio.sleep(0)
    await asyncio.to_thread(postgres.close)
    await until(lambda: connections() == 0)
    answers = await asyncio.gather(*reads)
    assert [answer.said for answer in answers] == [str(n) for n in range(30)]
    with pytest.raises(DatabaseClosed):
        await postgres.one(say("late"))


async def test_it_may_be_closed_in_the_loop_itself(postgres, connections, say):
    reads = [asyncio.create_task(postgres.one(say(str(n), 50))) for n in range(20)]
    await asyncio.sleep(0.02)
    postgres.close()
    answers = await asyncio.gather(*reads)
    assert [answer.said for answer in answers] == [str(n) for n in range(20)]
    await until(lambda: connections() == 0)


def test_a_loop_that_ends_in_the_middle_leaves_no_connection(postgres, connections, say):
    async def leave():
        task = asyncio.create_task(postgres.one(say("never heard", 100)))
        await asyncio.sleep(0.02)
        del task

    asyncio.run(leave())
    postgres.close()
    gc.collect()
    asyncio.run(until(lambda: connections() == 0))


async def test_a_fork_leaves_the_parents_connections_alone(postgres, say):
    await postgres.one(say("before"))
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(postgres.one(say("in the child")))
        except RuntimeError as error:
            os._exit(0 if "fork" in str(error) or "running" in str(error) else 2)
        except BaseException:
            os._exit(3)
        os._exit(1)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (await postgres.one(say("after"))).said == "after"
