"""Loops that follow tables: every write, of this process and of others, and none after the end."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from changemaker_core import Model, Plugin, UUIDField, hookimpl, new_id
from changemaker_core.db.tracking.live import LOOK_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from changemaker_core import Site, Tx
    from changemaker_core.testing.fixtures.site import OpenApp


class Tick(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "live_tick"


class Other(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "live_other"


class LivePlugin(Plugin):
    name = "live"

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        return [Tick, Other]


def create(tx: Tx) -> None:
    Tick.create_table()
    Other.create_table()


def tick(tx: Tx) -> None:
    Tick.create()


def touch_other(tx: Tx) -> None:
    Other.create()


@contextlib.asynccontextmanager
async def following(site: Site, interval: float) -> AsyncIterator[asyncio.Queue[int]]:
    """Follow ``Tick``; the number of its rows at each turn of the loop."""
    turns: asyncio.Queue[int] = asyncio.Queue()

    async def follow() -> None:
        async for _ in site.changed(Tick, interval=interval):
            turns.put_nowait(await site.db.read(Tick.select().count))

    task = asyncio.create_task(follow())
    try:
        yield turns
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_begins_at_once_and_goes_on_after_each_write(open_app: OpenApp) -> None:
    async with open_app(LivePlugin) as app:
        site = app.site
        await site.db.write(create)
        async with following(site, 0) as turns, asyncio.timeout(60):
            assert await turns.get() == 0
            for count in (1, 2, 3):
                await site.db.write(tick)
                assert await turns.get() == count
            await site.db.write(touch_other)
            await asyncio.sleep(0.1)
            assert turns.empty()


async def test_writes_that_come_together_are_one_turn(open_app: OpenApp) -> None:
    async with open_app(LivePlugin) as app:
        await app.site.db.write(create)
        async with following(app.site, 0.5) as turns, asyncio.timeout(60):
            await turns.get()
            for _ in range(20):
                await app.site.db.write(tick)
            assert await turns.get() == 20
            assert turns.empty()


async def test_no_write_is_missed_while_the_loop_is_busy(open_app: OpenApp) -> None:
    async with open_app(LivePlugin) as app:
        site = app.site
        await site.db.write(create)
        async with asyncio.timeout(60):
            seen = -1
            async for _ in site.changed("live_tick", interval=0):
                seen = await site.db.read(Tick.select().count)
                if seen == 30:
                    break
                await site.db.write(tick)  # within the turn: the next one must follow
        assert seen == 30


async def test_a_write_of_another_process_is_noticed(open_app: OpenApp, database_url: str) -> None:
    async with open_app(LivePlugin) as app:
        await app.site.db.write(create)
        async with following(app.site, 1) as turns, asyncio.timeout(60):
            assert await turns.get() == 0
            program = Path(__file__).parents[1] / "programs" / "write_ticks.py"
            process = subprocess.Popen(  # our own program; it is waited for by turns
                [sys.executable, str(program), database_url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdin is not None and process.stdout is not None
            try:
                assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
                for count in (1, 2):
                    process.stdin.write("write\n")
                    process.stdin.flush()
                    assert await asyncio.to_thread(process.stdout.readline) == "written\n"
                    assert await turns.get() == count
            finally:
                process.stdin.close()
                process.wait(10)
                process.stdout.close()


def test_it_looks_often_enough() -> None:
    # A write of another process is noticed within 1.5 seconds where the interval is one second.
    assert LOOK_SECONDS + 1 <= 1.5


async def test_all_loops_end_when_the_site_stops(open_app: OpenApp) -> None:
    async with open_app(LivePlugin) as app:
        await app.site.db.write(create)

        async def follow() -> int:
            return len([_ async for _ in app.site.changed(Tick)])

        tasks = [asyncio.create_task(follow()) for _ in range(3)]
        await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*tasks) == [1, 1, 1]


async def test_a_name_that_no_table_has_is_refused(open_app: OpenApp) -> None:
    async with open_app(LivePlugin) as app:
        with pytest.raises(ValueError, match=r"No table is called 'live_tock'.*'live_tick'"):
            await anext(app.site.changed("live_tock"))
