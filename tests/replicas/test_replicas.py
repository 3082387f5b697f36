"""Reads go to a replica only where it is as fresh as the primary, and else cost nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time

import peewee
import pytest

from changemaker_core.db import Database, Model, Query, UUIDField, compiled, migrations, new_id
from changemaker_core.db.postgresql.replicas import RESPONSE_SECONDS
from tests.bench.processes import wait_until

ROUNDS = 100
#: Seconds by which ``late_replica`` lags.
DELAY = 10


class Item(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField(unique=True)
    number = peewee.IntegerField(default=0)

    class Meta:
        table_name = "replicatest_item"


class Still(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "replicatest_still"


@compiled(int)
def number_of(name: str) -> Query:
    return Item.select(Item.number).where(Item.name == name)


@compiled(str)
def stills() -> Query:
    return Still.select(Still.id)


def put(tx, name, number):
    values = {"name": name, "number": number}
    Item.insert(**values).on_conflict(conflict_target=[Item.name], update=values).execute()


@pytest.fixture
def url(primary):
    made = primary.create_database()
    database = Database.open(made)
    migrations.apply(database, [migrations.CORE])
    database.sync.write(lambda tx: tx.database.create_tables([Item, Still]))
    database.close()
    return made


@contextlib.asynccontextmanager
async def open_database(url, *replica_urls):
    """A process's database that hears of the others'."""
    database = Database.open(url, read_urls=replica_urls)
    await database.changes.start()
    try:
        yield database
    finally:
        await database.changes.stop()
        await asyncio.to_thread(database.close)


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def reads(replica, table):
    """How many reads of a table the replica has answered."""
    return replica.log().count(f'FROM "{table}"')


async def test_a_replica_serves_reads_and_is_never_old(replica, url):
    async with open_database(url) as writer, open_database(url, replica.url_of(url)) as reader:
        for number in range(ROUNDS):
            await writer.write(put, "a", number)
            assert await reader.one(number_of("a")) == number
        await until_read_from(reader, replica, stills(), "replicatest_still")
        await until_read_from(reader, replica, number_of("a"), "replicatest_item")
        before = reads(replica, "replicatest_item")
        for _ in range(20):
            assert await reader.one(number_of("a")) == ROUNDS - 1
        assert reads(replica, "replicatest_item") == before + 20
        # A read whose tables are not known goes to the primary, as does what jobs read.
        await reader.read(lambda: Still.select().count())
        await asyncio.to_thread(reader.sync.one, number_of("a"))
        assert reads(replica, "replicatest_item") == before + 20


async def test_a_first_write_after_a_quiet_time_is_not_missed(replica, url):
    """The notification and the reader's question race; the reader waits for the notification."""
    async with open_database(url) as writer, open_database(url, replica.url_of(url)) as reader:
        for number in range(10):
            await until_read_from(reader, replica, number_of("a"), "replicatest_item")
            await writer.write(put, "a", number)
            assert await reader.one(number_of("a")) == number


async def until_read_from(database, replica, bound, table):
    before = reads(replica, table)
    async with asyncio.timeout(60):
        while reads(replica, table) == before:
            await database.all(bound)
            await asyncio.sleep(0.05)


async def test_a_replica_that_lags_is_used_only_for_what_did_not_change(late_replica, url):
    replica = late_replica
    async with open_database(url) as writer, open_database(url, replica.url_of(url)) as reader:
        # All that was committed before is behind it, once its delay is over.
        await until_read_from(reader, replica, stills(), "replicatest_still")
        await until_read_from(reader, replica, number_of("a"), "replicatest_item")
        caught_up = time.monotonic() + DELAY
        for number in range(ROUNDS):
            await writer.write(put, "a", number)
            assert await reader.one(number_of("a")) == number
            if time.monotonic() > caught_up - 2:
                break  # a slow machine: what is read from now on tests nothing
        assert number > 0
        before = reads(replica, "replicatest_still")
        assert await reader.all(stills()) == []
        assert reads(replica, "replicatest_still") == before + 1
        (state,) = reader.engine.replicas.states
        assert state.problem == ""
        assert state.lag > 0


async def test_a_replica_that_dies_or_hangs_costs_no_answer(primary, replica_of, url):
    replica = replica_of(primary, log_statement="all")
    async with open_database(url, replica.url_of(url)) as database:
        await database.write(put, "a", 7)
        slowest = 0.0
        stop = asyncio.Event()

        async def ask_for_ever():
            nonlocal slowest
            while not stop.is_set():
                began = time.monotonic()
                assert await database.one(number_of("a")) == 7
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.001)

        await until_read_from(database, replica, number_of("a"), "replicatest_item")
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask_for_ever())
            await asyncio.sleep(0.3)
            await asyncio.to_thread(replica.hang)
            await until(lambda: database.engine.replicas.states[0].problem)
            await asyncio.to_thread(replica.go_on)
            await until(lambda: not database.engine.replicas.states[0].problem)
            await asyncio.to_thread(replica.kill)
            await until(lambda: database.engine.replicas.states[0].problem)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(replica.resume)
            await until(lambda: not database.engine.replicas.states[0].problem)
            stop.set()
        assert slowest < 10 * RESPONSE_SECONDS, "it waited for the replica"
        await until_read_from(database, replica, number_of("a"), "replicatest_item")


async def test_what_is_no_replica_of_this_database_is_not_used(primary, replica, url):
    other = primary.create_database()
    urls = [url, replica.url_of(other), "postgresql://postgres@127.0.0.1:1/nowhere"]
    async with open_database(url, *urls) as database:
        troubles = ["not a replica", "another database", "refused"]

        def is_found_out():
            states = database.engine.replicas.states
            return all(t in s.problem for t, s in zip(troubles, states, strict=True))

        await until(is_found_out)
        assert await database.all(stills()) == []


def test_two_web_processes_never_show_a_writer_their_own_old_data(
    primary, replica, late_replica, operated, person
):
    url = primary.create_database()
    late, fast = late_replica.url_of(url), replica.url_of(url)
    site = operated(url, CHANGEMAKER_READ_URLS=f"{late},{fast}")
    with site.serve() as one, site.serve() as other:
        writer, reader = person(one, site), person(other, site)
        campaign = writer.campaign()

        def title(someone):
            (shown,) = someone.client.get("/api/campaigns").json()["data"]
            return shown["title"]

        def is_read_from_replica():
            title(reader)
            return reads(replica, "influence_campaign") > 0

        wait_until(is_read_from_replica)
        for number in range(ROUNDS):
            assert writer.change(campaign["id"], title=f"Version {number}").is_success
            assert title(reader) == title(writer) == f"Version {number}"


async def test_sqlite_has_no_replicas(tmp_path):
    with pytest.raises(ValueError, match="need PostgreSQL"):
        Database.open(f"sqlite:///{tmp_path}/site.db", read_urls=("postgresql://a/b",))


def test_a_site_on_sqlite_says_what_its_replicas_need(operated):
    with pytest.raises(AssertionError, match=r"read_urls .*needs PostgreSQL"):
        operated("sqlite:///site.db", CHANGEMAKER_READ_URLS="postgresql://a/b")


def test_doctor_and_health_tell_of_replicas(primary, replica, operated, person):
    url = primary.create_database()
    nowhere = "postgresql://postgres:hidden@127.0.0.1:1/nowhere"
    site = operated(url, CHANGEMAKER_READ_URLS=f"{replica.url_of(url)},{nowhere}")
    found = {each["name"]: each for each in json.loads(site.run("doctor", "--json").stdout)}
    assert found["replica 1"]["status"] == "ok", found["replica 1"]
    assert found["replica 2"]["status"] == "warning"
    assert "127.0.0.1:1" in found["replica 2"]["detail"]
    assert "hidden" not in str(found)
    with site.serve() as address:
        client = person(address).client

        def is_as_expected():
            health = client.get("/api/health").json()
            found = {each["name"]: each["status"] for each in health["checks"]}
            wanted = {"database": "ok", "replica 1": "ok", "replica 2": "warning"}
            return health["status"] == "ok" and found | wanted == found

        wait_until(is_as_expected)
        metrics = client.get("/api/metrics").text
        assert re.findall(r"^cm_replica_lag_seconds\{(.+)\} ", metrics, re.MULTILINE) == [
            'replica="1"'
        ]
