"""The cache by itself: guard, single flight, bounds."""

from __future__ import annotations

import asyncio

import pytest

from changemaker_core.cache import CachedResponse, CompleteResponse, ResponseCache
from changemaker_core.db import read_tags
from changemaker_core.db.tracking import Changes


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Source:
    """What is cached: ``value`` lives in ``table``, and is read as slowly as ``gate`` opens."""

    def __init__(self, table="probe_thing"):
        self.table = table
        self.value = 1
        self.runs = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.status = 200
        self.headers = []

    async def fill(self):
        self.runs += 1
        if (tables := read_tags.get()) is not None:
            tables.add(self.table)
        value = self.value
        await self.gate.wait()
        return CompleteResponse(self.status, self.headers, str(value).encode())


@pytest.fixture
def changes():
    return Changes()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(changes, clock):
    return ResponseCache(changes, max_bytes=1_000_000, clock=clock)


@pytest.fixture
async def source():
    return Source()


def notify(changes, *tables):
    changes.notify(frozenset(tables))


async def test_a_response_is_made_once(cache, source):
    first = await cache.get_or_fill("k", 60, source.fill)
    second = await cache.get_or_fill("k", 60, source.fill)
    assert first is second and first.body == b"1" and source.runs == 1


async def test_it_is_dropped_when_its_table_changes_and_not_otherwise(cache, changes, source):
    await cache.get_or_fill("k", 60, source.fill)
    notify(changes, "other_thing")
    assert cache.get("k") is not None
    notify(changes, "probe_thing")
    assert cache.get("k") is None and cache.size == 0


ROWS = [
    ("thing#3f", "thing#3f", False),
    ("thing#3f", "thing#40", True),
    ("thing#3f", "thing", False),
    ("thing", "thing#3f", False),
    ("thing", "things#3f", True),
    ("thing#3f", "things", True),
]


@pytest.mark.parametrize(("read", "written", "stays"), ROWS)
async def test_changes_of_rows_and_tables_drop_each_other(cache, changes, read, written, stays):
    source = Source(read)
    await cache.get_or_fill("k", 60, source.fill)
    notify(changes, written)
    assert ("k" in cache) is stays


@pytest.mark.parametrize(("read", "written", "stays"), ROWS)
async def test_a_row_that_changes_while_the_response_is_made(cache, changes, read, written, stays):
    """The rows that a response was read from are known only once they are read."""

    async def fill():
        notify(changes, written)
        read_tags.get().add(read)
        return CompleteResponse(200, [], b"old")

    await cache.get_or_fill("k", 60, fill)
    assert ("k" in cache) is stays


async def test_an_unknown_change_drops_everything(cache, changes, source):
    await cache.get_or_fill("k", 60, source.fill)
    changes.notify(None)
    assert cache.get("k") is None


async def test_it_expires_after_its_seconds(cache, clock, source):
    await cache.get_or_fill("k", 60, source.fill)
    clock.now = 59.9
    assert cache.get("k") is not None
    clock.now = 60
    assert cache.get("k") is None


async def test_a_thousand_misses_fill_once(cache, source):
    source.gate.clear()
    calls = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(1000)]
    await asyncio.sleep(0)
    source.gate.set()
    responses = await asyncio.gather(*calls)
    assert source.runs == 1
    assert {each.body for each in responses} == {b"1"}


@pytest.mark.parametrize(("table", "stays"), [("probe_thing", False), ("other_thing", True)])
async def test_a_response_that_changes_meanwhile_is_not_stored(
    cache, changes, source, table, stays
):
    source.gate.clear()
    calls = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    notify(changes, table)
    source.gate.set()
    await calls
    assert ("k" in cache) is stays


async def test_no_response_is_older_than_its_request(cache, changes, source):
    source.gate.clear()
    before = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    source.value = 2
    notify(changes, "probe_thing")
    after = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await before).body == b"1"
    assert (await after).body == b"2"
    assert cache.get("k").body == b"2"


@pytest.mark.parametrize(
    ("status", "headers"), [(404, []), (500, []), (200, [(b"set-cookie", b"a=1")])]
)
async def test_an_unshareable_response_is_not_shared(cache, source, status, headers):
    source.status, source.headers = status, headers
    source.gate.clear()
    calls = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()
    responses = await asyncio.gather(*calls)
    assert source.runs == 3 and len({id(each) for each in responses}) == 3
    assert "k" not in cache


async def test_a_failure_is_not_shared(cache):
    runs = 0

    async def fail():
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        raise RuntimeError

    calls = [cache.get_or_fill("k", 60, fail) for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in results] == [RuntimeError] * 3 and runs == 3


async def test_waiting_callers_go_on_when_the_first_is_cancelled(cache, source):
    source.gate.clear()
    calls = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(5)]
    await asyncio.sleep(0)
    calls[0].cancel()
    calls[1].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    responses = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in responses[:2]] == [asyncio.CancelledError] * 2
    assert [each.body for each in responses[2:]] == [b"1"] * 3
    assert source.runs == 2


async def test_memory_is_bounded(changes):
    cache = ResponseCache(changes, max_bytes=100_000)
    for number in range(50):
        source = Source(f"table_{number}")
        source.value = str(number) * 5_000
        await cache.get_or_fill(number, 60, source.fill)
        cache.get(0)
        assert cache.size <= 100_000
    assert 0 in cache and 49 in cache and 1 not in cache
    huge = Source()
    huge.value = "x" * 50_000
    await cache.get_or_fill("huge", 60, huge.fill)
    assert "huge" not in cache


def entry(etag=None):
    headers = [(b"content-type", b"text/html"), (b"content-length", b"1"), (b"vary", b"Cookie")]
    tagged = [(b"etag", etag)] if etag else []
    return CachedResponse(CompleteResponse(200, [*headers, *tagged], b"x"), frozenset(), 60.0)


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        (b'"a"', True),
        (b'W/"a"', True),
        (b'"b", "a"', True),
        (b"*", True),
        (b'"b"', False),
        (b"", False),
    ],
)
def test_if_none_match(sent, known):
    assert entry(b'"a"').matches(sent) is known


def test_a_304_has_no_headers_of_the_content():
    names = {name for name, _ in entry().not_modified}
    assert names == {b"etag", b"vary"}
