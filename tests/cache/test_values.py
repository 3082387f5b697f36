"""Cached values: made once, invalidated by writes, stale where that is allowed."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest

from changemaker_core.cache import CompleteResponse, ResponseCache
from changemaker_core.db import read_tags
from changemaker_core.db.tracking import Changes
from changemaker_core.identity.actor import SYSTEM, current_actor


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Forecast(msgspec.Struct):
    day: date
    warm: bool


class Maker:
    """What is made: reads ``tables``, as slowly as ``gate`` opens, and fails on demand."""

    def __init__(self, *tables: str) -> None:
        self.tables = tables
        self.value: Any = {"n": 1}
        self.runs = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Any:
        self.runs += 1
        if (tags := read_tags.get()) is not None:
            tags.update(self.tables)
        value = self.value
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return value


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(changes: Changes, clock: Clock) -> ResponseCache:
    return ResponseCache(changes, max_bytes=1_000_000, clock=clock)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_value_is_made_once_and_each_caller_has_its_own(cache: ResponseCache) -> None:
    make = Maker()
    first = await cache.get_or_make("k", make, seconds=60)
    first["n"] = 2
    assert await cache.get_or_make("k", make, seconds=60) == {"n": 1}
    assert make.runs == 1


async def test_a_struct_comes_back_as_its_type(cache: ResponseCache) -> None:
    make = Maker()
    make.value = Forecast(date(2026, 11, 29), warm=False)
    for _ in range(2):
        found = await cache.get_or_make("k", make, seconds=60, type=Forecast)
        assert found == make.value
    assert make.runs == 1
    # The same at the first call as from the cache: the mistake does not wait for production.
    bare = await cache.get_or_make("other", make, seconds=60)
    assert bare == {"day": "2026-11-29", "warm": False}


async def test_a_hundred_callers_make_one_value(cache: ResponseCache, changes: Changes) -> None:
    make = Maker()
    make.gate.clear()
    calls = [asyncio.create_task(cache.get_or_make("k", make, seconds=60)) for _ in range(100)]
    await turns()
    calls[0].cancel()
    changes.notify(frozenset({"unrelated"}))
    late = asyncio.create_task(cache.get_or_make("k", make, seconds=60))
    await turns()
    make.gate.set()
    assert await asyncio.gather(*calls[1:], late) == [{"n": 1}] * 100
    assert make.runs == 1


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_write_invalidates_it(
    cache: ResponseCache, changes: Changes, explicit: bool
) -> None:
    make = Maker() if explicit else Maker("probe_thing")
    tags = ("probe_thing",) if explicit else ()
    await cache.get_or_make("k", make, seconds=60, tags=tags, stale_for=600)
    make.value = {"n": 2}
    changes.notify(frozenset({"probe_other"}))
    assert await cache.get_or_make("k", make, seconds=60, tags=tags) == {"n": 1}
    changes.notify(frozenset({"probe_thing#001"}))
    assert await cache.get_or_make("k", make, seconds=60, tags=tags) == {"n": 2}


async def test_who_comes_after_a_write_gets_what_was_made_after_it(
    cache: ResponseCache, changes: Changes
) -> None:
    make = Maker("probe_thing")
    make.gate.clear()
    before = asyncio.create_task(cache.get_or_make("k", make, seconds=60))
    await turns()
    make.value = {"n": 2}
    changes.notify(frozenset({"probe_thing"}))
    after = asyncio.create_task(cache.get_or_make("k", make, seconds=60))
    await turns()
    make.gate.set()
    assert [await before, await after] == [{"n": 1}, {"n": 2}]
    assert make.runs == 2


async def test_a_failure_is_everybodys_and_is_not_cached(cache: ResponseCache) -> None:
    make = Maker()
    make.error = RuntimeError("away")
    make.gate.clear()
    calls = [asyncio.create_task(cache.get_or_make("k", make, seconds=60)) for _ in range(5)]
    await turns()
    make.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(each) for each in results] == ["away"] * 5
    assert make.runs == 1
    make.error = None
    assert await cache.get_or_make("k", make, seconds=60) == {"n": 1}


async def test_a_stale_value_is_returned_while_a_new_one_is_made(
    cache: ResponseCache, clock: Clock
) -> None:
    make = Maker()

    async def get() -> Any:
        return await cache.get_or_make("k", make, seconds=60, stale_for=600)

    await get()
    make.value, clock.now = {"n": 2}, 61
    make.gate.clear()
    assert [await get(), await get()] == [{"n": 1}] * 2
    await turns()
    assert make.runs == 2
    make.gate.set()
    await turns()
    assert await get() == {"n": 2}
    clock.now = 61 + 661
    make.value = {"n": 3}
    assert await get() == {"n": 3}


async def test_a_stale_value_outlives_a_failure_and_is_not_made_at_each_call(
    cache: ResponseCache, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    make = Maker()

    async def get() -> Any:
        found = await cache.get_or_make("k", make, seconds=60, stale_for=600)
        await turns()
        return found

    await get()
    make.error, clock.now = RuntimeError("away"), 61
    assert [await get() for _ in range(5)] == [{"n": 1}] * 5
    assert make.runs == 2
    assert "a stale value is used" in caplog.text
    make.error, clock.now = None, 61 + 6
    make.value = {"n": 2}
    await get()
    assert await get() == {"n": 2}
    clock.now += 1000
    make.error = RuntimeError("away")
    with pytest.raises(RuntimeError, match="away"):
        await get()


async def test_a_stale_value_that_a_write_invalidates_is_nobodys(
    cache: ResponseCache, changes: Changes, clock: Clock
) -> None:
    make = Maker("probe_thing")

    async def get() -> Any:
        return await cache.get_or_make("k", make, seconds=60, stale_for=600)

    await get()
    make.error, clock.now = RuntimeError("away"), 61
    make.gate.clear()
    assert await get() == {"n": 1}
    await turns()
    changes.notify(frozenset({"probe_thing"}))
    after = asyncio.create_task(get())
    await turns()
    make.gate.set()
    with pytest.raises(RuntimeError, match="away"):
        await after


async def test_a_response_is_invalidated_with_the_values_in_it(
    cache: ResponseCache, changes: Changes
) -> None:
    make = Maker("probe_thing")

    async def page() -> CompleteResponse:
        value = await cache.get_or_make("k", make, seconds=60)
        return CompleteResponse(200, [], str(value["n"]).encode())

    for _ in range(2):  # the second page finds the value in the cache
        cached = await cache.get_or_fill("/page", 60, page)
        assert cached.body == b"1"
        changes.notify(frozenset({"probe_page"}))
        cache._drop("/page")
    await cache.get_or_fill("/page", 60, page)
    make.value = {"n": 2}
    changes.notify(frozenset({"probe_thing"}))
    assert (await cache.get_or_fill("/page", 60, page)).body == b"2"


async def test_it_is_made_for_nobody_in_particular(cache: ResponseCache) -> None:
    async def make() -> bool:
        return current_actor.get() is None

    token = current_actor.set(SYSTEM)
    try:
        assert await cache.get_or_make("k", make, seconds=60) is True
        assert current_actor.get() is SYSTEM
    finally:
        current_actor.reset(token)


async def test_what_is_being_made_ends_with_the_site(cache: ResponseCache) -> None:
    make = Maker()
    make.gate.clear()
    waiting = asyncio.create_task(cache.get_or_make("k", make, seconds=60))
    await turns()
    await cache.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_without_memory_those_who_wait_together_still_make_one(changes: Changes) -> None:
    cache, make = ResponseCache(changes, max_bytes=0), Maker("probe_thing")
    calls = [cache.get_or_make("k", make, seconds=60) for _ in range(20)]
    assert await asyncio.gather(*calls) == [{"n": 1}] * 20
    assert make.runs == 1


async def test_without_memory_a_value_is_made_each_time(changes: Changes) -> None:
    cache, make = ResponseCache(changes, max_bytes=0), Maker()
    for runs in (1, 2):
        assert await cache.get_or_make("k", make, seconds=60) == {"n": 1}
        assert make.runs == runs
