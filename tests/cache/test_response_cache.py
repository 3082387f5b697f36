"""The cache by itself: guard, single flight, bounds."""

from __future__ import annotations

import asyncio

import pytest

from changemaker_core.cache import CachedResponse, CompleteResponse, ResponseCache
from changemaker_core.db import read_tables
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
        if (tables := read_tables.get()) is not None:
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
    return ResponseCache(changes, clock=clock)


@pytest.fixture
async def source():
    return Source()


def told(changes, *tables):
    changes.notify(frozenset(tables))


async def test_an_answer_is_made_once(cache, source):
    first = await cache.get_or_fill("k", 60, source.fill)
    second = await cache.get_or_fill("k", 60, source.fill)
    assert first is second and first.body == b"1" and source.runs == 1


async def test_it_is_dropped_when_its_table_changes_and_only_then(cache, changes, source):
    await cache.get_or_fill("k", 60, source.fill)
    told(changes, "other_thing")
    assert cache.get("k") is not None
    told(changes, "probe_thing")
    assert cache.get("k") is None and cache.size == 0


ROWS = [
    ("thing#3f", "thing#3f", False),
    ("thing#3f", "thing#40", True),
    ("thing#3f", "thing", False),
    ("thing", "thing#3f", False),
    ("thing", "things#3f", True),
    ("thing#3f", "things", True),
]


@pytest.mark.parametrize(("read", "written", "kept"), ROWS)
async def test_rows_and_their_tables_concern_one_another(cache, changes, read, written, kept):
    source = Source(read)
    await cache.get_or_fill("k", 60, source.fill)
    told(changes, written)
    assert ("k" in cache) is kept


@pytest.mark.parametrize(("read", "written", "kept"), ROWS)
async def test_a_row_that_changed_before_it_was_known_to_be_read(
    cache, changes, read, written, kept
):
    """What an answer was read from is known when the rows are there."""

    async def fill():
        told(changes, written)
        read_tables.get().add(read)
        return CompleteResponse(200, [], b"old")

    await cache.get_or_fill("k", 60, fill)
    assert ("k" in cache) is kept


async def test_it_is_dropped_when_anything_may_have_changed(cache, changes, source):
    await cache.get_or_fill("k", 60, source.fill)
    changes.notify(None)
    assert cache.get("k") is None


async def test_it_lives_for_its_seconds(cache, clock, source):
    await cache.get_or_fill("k", 60, source.fill)
    clock.now = 59.9
    assert cache.get("k") is not None
    clock.now = 60
    assert cache.get("k") is None


async def test_a_thousand_misses_are_one_run(cache, source):
    source.gate.clear()
    asking = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(1000)]
    await asyncio.sleep(0)
    source.gate.set()
    answers = await asyncio.gather(*asking)
    assert source.runs == 1
    assert {each.body for each in answers} == {b"1"}


@pytest.mark.parametrize(("table", "kept"), [("probe_thing", False), ("other_thing", True)])
async def test_what_changed_meanwhile_is_not_kept(cache, changes, source, table, kept):
    source.gate.clear()
    asking = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    told(changes, table)
    source.gate.set()
    await asking
    assert ("k" in cache) is kept


async def test_nobody_gets_an_answer_older_than_their_question(cache, changes, source):
    source.gate.clear()
    before = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    source.value = 2
    told(changes, "probe_thing")
    after = asyncio.create_task(cache.get_or_fill("k", 60, source.fill))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await before).body == b"1"
    assert (await after).body == b"2"
    assert cache.get("k").body == b"2"


@pytest.mark.parametrize(
    ("status", "headers"), [(404, []), (500, []), (200, [(b"set-cookie", b"a=1")])]
)
async def test_what_is_not_for_everybody_is_nobody_elses(cache, source, status, headers):
    source.status, source.headers = status, headers
    source.gate.clear()
    asking = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()
    answers = await asyncio.gather(*asking)
    assert source.runs == 3 and len({id(each) for each in answers}) == 3
    assert "k" not in cache


async def test_a_failure_is_everybodys_own(cache):
    runs = 0

    async def fail():
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        raise RuntimeError

    asking = [cache.get_or_fill("k", 60, fail) for _ in range(3)]
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in results] == [RuntimeError] * 3 and runs == 3


async def test_who_waits_goes_on_when_the_first_goes_away(cache, source):
    source.gate.clear()
    asking = [asyncio.create_task(cache.get_or_fill("k", 60, source.fill)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    asking[1].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in answers[:2]] == [asyncio.CancelledError] * 2
    assert [each.body for each in answers[2:]] == [b"1"] * 3
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
def test_a_client_knows_an_answer_by_its_tag(sent, known):
    assert entry(b'"a"').matches(sent) is known


def test_a_304_says_nothing_of_the_content():
    names = {name for name, _ in entry().not_modified}
    assert names == {b"etag", b"vary"}
