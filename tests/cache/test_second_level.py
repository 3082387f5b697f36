"""Responses and limits that processes share through Redis: never outdated, forged or needed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time

import httpx
import pytest

from changemaker_core import (
    Config,
)
from changemaker_core.app import create_app
from changemaker_core.db import Database
from changemaker_core.shared import optional_redis
from changemaker_core.shared.optional_redis import OptionalRedis
from changemaker_core.testing.fixtures.site import migrate
from tests.bench.notes import Note, NotesPlugin, note, put

pytestmark = [pytest.mark.postgresql, pytest.mark.valkey]

#: Seconds within which a notification has reached every process, on a busy machine.
NOTICE = 0.1


class Process:
    """An app with connections, a listener and a cache of its own, as a process has."""

    def __init__(self, app, client):
        self.client = client
        self.db = app.site.db
        self.site = app.site
        self.notes = app.site.loaded.plugin("notes").instance.notes

    async def text(self, slug="a"):
        response = await self.client.get(f"/api/notes/{slug}")
        return response.json()["text"] if response.status_code == 200 else None

    async def forget(self):
        """Empty its own memory, so that the second level is read."""
        self.site.cache.flush()

    async def stored(self):
        """Wait until its responses are in Redis."""
        done = asyncio.get_running_loop().run_in_executor
        for _ in range(8):  # as many as there are threads, twice
            sent = self.site.redis.submit(lambda client: client.ping())
            if sent is not None:
                await done(None, sent.result)


@pytest.fixture
async def start(tmp_path, postgresql_url, valkey):
    """``await start(**config)``: another process of the site."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_(*, address=("127.0.0.1", 1), **overrides):
            overrides = {"redis_url": valkey.url, **overrides}
            config = Config.for_tests(tmp_path, database_url=postgresql_url, **overrides)
            app = create_app(config, [NotesPlugin])
            if not await asyncio.to_thread(app.site.db.sync.read, Note.table_exists):
                # Once only: it notifies every process of an unknown change.
                await asyncio.to_thread(migrate, app.site)
                await asyncio.to_thread(app.site.db.sync.write, lambda tx: Note.create_table())
            await stack.enter_async_context(app.lifespan())
            transport = httpx.ASGITransport(app=app, client=address)
            client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4000")
            return Process(app, await stack.enter_async_context(client))

        yield start_


@pytest.fixture
async def pair(start, monkeypatch):
    """Two processes that wait for Redis as long as a busy machine takes: without an answer, each
    would do without, and show nothing of what is shared."""
    monkeypatch.setattr(optional_redis, "CALL_TIMEOUT", 5)
    return await start(), await start()


def names_in(valkey):
    return valkey.client.keys("changemaker:response:*")


async def test_a_response_of_one_process_is_used_by_another(pair, valkey):
    one, other = pair
    await one.db.write(put, "a", "one")
    assert await one.text() == "one"
    await one.stored()
    assert await other.text() == "one"
    assert (one.notes.runs, other.notes.runs) == (1, 0)
    (name,) = names_in(valkey)
    assert 0 < valkey.client.pttl(name) <= 60_000
    # It is in the other's memory now, and goes from there when its table changes.
    assert await other.text() == "one"
    await one.db.write(put, "a", "two")
    await other.db.engine.latest_tokens()
    assert await other.text() == "two"


async def test_nothing_outdated_is_read_right_after_a_write(pair):
    one, other = pair
    for number in range(100):
        writer, reader = (one, other) if number % 3 else (other, one)
        await writer.db.write(put, "a", str(number))
        # A process that misses in memory awaits all notifications before it looks in Redis.
        await reader.forget()
        assert await reader.text() == str(number)
        assert await writer.text() == str(number)
        await reader.stored()


async def test_a_restored_older_record_is_not_used(pair, valkey):
    one, other = pair
    await one.db.write(put, "a", "one")
    await one.text()
    await one.stored()
    (name,) = names_in(valkey)
    before = valkey.client.get(name)
    await one.db.write(put, "a", "two")
    valkey.client.set(name, before)
    assert await one.text() == "two"
    await other.forget()
    valkey.client.set(name, before)
    assert await other.text() == "two"


async def test_a_forged_record_is_not_used(pair, valkey):
    one, other = pair
    await one.db.write(put, "a", "good")
    await one.db.write(put, "b", "also")
    for slug in "ab":
        await one.text(slug)
    await one.stored()
    store = valkey.client
    names = names_in(valkey)
    first, second = (store.get(name) for name in names)
    for forged in (
        [first.replace(b"good", b"evil"), second.replace(b"good", b"evil")],
        [second, first],
        [b"", b"x"],
        [first[:32], second[:-1]],
    ):
        for name, value in zip(names, forged, strict=True):
            store.set(name, value)
        await other.forget()
        assert (await other.text("a"), await other.text("b")) == ("good", "also")


async def test_a_new_process_uses_no_earlier_records(start, valkey, postgresql_url):
    one = await start()
    await one.db.write(put, "a", "one")
    await one.text()
    await one.stored()
    saved = {name: valkey.client.get(name) for name in names_in(valkey)}
    await one.db.changes.stop()
    lonely = Database.open(postgresql_url)
    await asyncio.to_thread(lonely.sync.write, put, "a", "two")  # while no process listens
    lonely.close()
    two = await start()
    for name, value in saved.items():
        valkey.client.set(name, value)
    assert await two.text() == "two"
    # And one that begins to listen again has missed something, so it begins anew as well.
    await one.db.changes.start()
    for name, value in saved.items():
        valkey.client.set(name, value)
    assert await one.text() == "two"


async def test_other_code_or_configuration_has_its_own_records(start):
    one = await start()
    renamed = await start(organisation="Another")
    stranger = await start(secret_key="another secret".ljust(40, "!"))
    await one.db.write(put, "a", "one")
    for process in (one, renamed, stranger):
        assert await process.text() == "one"
        await process.stored()
        assert process.notes.runs == 1


async def test_a_redis_that_hangs_or_dies_slows_no_request(start, valkey):
    one, other = await start(), await start()
    await one.db.write(put, "a", "one")

    async def seconds(count=10):
        taken = []
        for _ in range(count):
            await other.forget()
            began = time.perf_counter()
            assert await other.text() == "one"
            taken.append(time.perf_counter() - began)
        return taken

    usual = statistics.median(await seconds())
    valkey.hang()
    hung = await seconds()
    assert max(hung) < usual + 0.5  # one call waits for its reply, for 20 ms
    assert statistics.median(hung) < usual + 0.05
    assert other.site.redis.is_down
    valkey.go_on()
    await until(lambda: not other.site.redis.is_down)
    valkey.restart_empty()
    assert statistics.median(await seconds()) < usual + 0.05
    await until(lambda: not other.site.redis.is_down)
    await other.forget()
    await other.text()
    await until(lambda: names_in(valkey))


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_site_starts_and_stops_without_its_redis(start, valkey):
    valkey.kill()
    one = await start()
    await one.db.write(put, "a", "one")
    assert await one.text() == "one"


async def test_an_unreachable_redis_is_not_called_again():
    store = OptionalRedis("redis://127.0.0.1:1/0")
    sent = store.submit(lambda client: client.ping())
    assert await asyncio.wrap_future(sent) is None
    assert store.is_down and store.submit(lambda client: client.ping()) is None
    store.close()


async def test_random_writes_and_reads_over_two_processes(pair, valkey):
    """What is read is never older than what was written ``NOTICE`` before."""
    chance = random.Random(7)  # noqa: S311  # not a secret
    written = {}  # slug: [(when it was committed, number)]
    stale = []

    async def write(number):
        slug = chance.choice("abc")
        await chance.choice(pair).db.write(put, slug, str(number))
        written.setdefault(slug, []).append((time.monotonic(), number))

    async def read():
        slug, process = chance.choice("abc"), chance.choice(pair)
        began = time.monotonic()
        seen = int(await process.text(slug) or -1)
        due = max((n for at, n in written.get(slug, ()) if at < began - NOTICE), default=-1)
        if seen < due:
            stale.append((slug, due, seen))

    trouble = {100: valkey.client.flushall, 200: valkey.restart_empty, 300: valkey.hang}
    trouble |= {360: valkey.go_on, 420: valkey.kill, 460: valkey.start}
    for number in range(500):
        if number in trouble:
            await asyncio.to_thread(trouble[number])
        await write(number)
        await asyncio.gather(*[read() for _ in range(chance.randrange(8))])
        await asyncio.sleep(chance.choice((0, 0, 0.02)))
    assert stale == []
    assert sum(process.notes.runs for process in pair) > 100


async def test_processes_share_a_limit(start, valkey):
    visitor = ("203.0.113.5", 1)
    machines = [await start(address=visitor, api_rate_limit=10) for _ in range(2)]

    async def accepted(count):
        statuses = []
        for number in range(count):
            response = await machines[number % 2].client.get("/api/notes/a")
            statuses.append(response.status_code)
            await asyncio.sleep(0.05)
        return count - statuses.count(429)

    assert 10 <= await accepted(30) <= 12
    assert "203.0.113.5" not in str(valkey.client.keys())
    third = await start(address=visitor, api_rate_limit=10)
    await third.client.get("/api/notes/a")
    await asyncio.sleep(0.1)
    assert (await third.client.get("/api/notes/a")).status_code == 429


async def test_without_redis_each_process_counts_alone(start, valkey):
    valkey.kill()
    one, other = [await start(address=("203.0.113.6", 1), api_rate_limit=10) for _ in range(2)]
    for process in (one, other):
        statuses = [(await process.client.get("/api/notes/a")).status_code for _ in range(15)]
        assert statuses.count(429) == 5


async def test_a_value_of_one_process_is_used_by_another(pair):
    one, other = pair
    makes = []

    async def get(process):
        async def make():
            makes.append(process)
            await process.site.db.all(note(slug="a"))
            return {"made": len(makes)}

        return await process.site.cache.get_or_make(("notes.n", 1), make, seconds=60)

    assert await get(one) == {"made": 1}
    await one.stored()
    assert await get(other) == {"made": 1}
    assert makes == [one]
    await one.db.write(put, "a", "changed")
    await other.db.engine.latest_tokens()
    assert await get(other) == {"made": 2}
    assert makes == [one, other]
