"""What plugins keep open: in order, with their names on what fails, within their time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.config import Config
from changemaker_core.plugin import manager
from changemaker_core.plugin.base import Plugin, hookimpl
from changemaker_core.plugin.errors import PluginFailed, PluginInvalid, PluginTimeout
from changemaker_core.plugin.lifespan import lifespan
from tests.plugin.conftest import core

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.plugin.conftest import Stage


async def nothing() -> None:
    """Starts or stops at once."""


async def too_long() -> None:
    """Starts or stops never."""
    await asyncio.sleep(60)


async def boom() -> None:
    """Fails to start or to stop."""
    raise ValueError("boom")


def plugin(
    name: str,
    log: list[str],
    *,
    start: Callable[[], Awaitable[None]] = nothing,
    stop: Callable[[], Awaitable[None]] = nothing,
    requires: tuple[str, ...] = (),
) -> type[Plugin]:
    """A plugin whose lifespan writes down when it starts and stops."""

    class Lives(Plugin):
        @hookimpl
        @asynccontextmanager
        async def cm_lifespan(self, site: Any) -> AsyncIterator[None]:
            await start()
            log.append(f"{name} starts")
            try:
                yield
            finally:
                log.append(f"{name} stops")
                await stop()

    Lives.name = name
    Lives.requires = requires
    return Lives


def load(stage: Stage, *plugins: type[Plugin]) -> manager.LoadedPlugins:
    return manager.load(plugins, Config.for_tests(Path()), stage, core=core())


async def test_in_dependency_order_and_back(stage: Stage) -> None:
    log: list[str] = []
    loaded = load(stage, plugin("a", log, requires=("b",)), plugin("b", log))
    async with lifespan(loaded, stage):
        log.append("serving")
    assert log == ["b starts", "a starts", "serving", "a stops", "b stops"]


async def test_one_that_fails_to_start_stops_those_that_had_started(stage: Stage) -> None:
    log: list[str] = []
    loaded = load(stage, plugin("a", log), plugin("b", log, start=boom), plugin("c", log))
    with pytest.raises(PluginFailed, match=r"cm_lifespan \(start\) raised ValueError") as raised:
        async with lifespan(loaded, stage):
            log.append("serving")
    assert raised.value.plugin == "b"
    assert log == ["a starts", "a stops"]


async def test_one_that_takes_too_long_to_start(stage: Stage) -> None:
    log: list[str] = []
    loaded = load(stage, plugin("a", log), plugin("b", log, start=too_long))
    with pytest.raises(PluginTimeout, match=r"longer than 0\.05 seconds to start") as raised:
        async with lifespan(loaded, stage, seconds=0.05):
            log.append("serving")
    assert raised.value.plugin == "b"
    assert log == ["a starts", "a stops"]


@pytest.mark.parametrize(("stop", "kind"), [(boom, PluginFailed), (too_long, PluginTimeout)])
async def test_all_are_stopped_also_after_one_failed_to(
    stage: Stage, stop: Callable[[], Awaitable[None]], kind: type[Exception]
) -> None:
    log: list[str] = []
    loaded = load(stage, plugin("a", log), plugin("b", log, stop=stop))
    with pytest.raises(kind) as raised:
        async with lifespan(loaded, stage, seconds=0.05):
            pass
    assert getattr(raised.value, "plugin", None) == "b"
    assert log[-1] == "a stops"


async def test_a_timeout_of_the_plugins_own_is_not_taken_for_ours(stage: Stage) -> None:
    async def own() -> None:
        raise TimeoutError("its server")

    with pytest.raises(PluginFailed, match="TimeoutError: its server"):
        async with lifespan(load(stage, plugin("a", [], start=own)), stage):
            pass


async def test_what_fails_while_serving_passes_as_it_is(stage: Stage) -> None:
    log: list[str] = []
    with pytest.raises(KeyError):
        async with lifespan(load(stage, plugin("a", log)), stage):
            raise KeyError("the server's own")
    assert log == ["a starts", "a stops"]


async def test_no_plugin_can_hide_what_failed_elsewhere(stage: Stage) -> None:
    class Swallows(Plugin):
        name = "swallows"

        @hookimpl
        @asynccontextmanager
        async def cm_lifespan(self) -> AsyncIterator[None]:
            try:
                yield
            except KeyError:
                return

    with pytest.raises(KeyError):
        async with lifespan(load(stage, Swallows), stage):
            raise KeyError("the server's own")


async def test_cancelling_passes_and_stops_all(stage: Stage) -> None:
    log: list[str] = []
    entered = asyncio.Event()

    async def serve() -> None:
        async with lifespan(load(stage, plugin("a", log)), stage):
            entered.set()
            await too_long()

    task = asyncio.create_task(serve())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["a starts", "a stops"]


async def test_a_generator_without_its_decorator_is_explained(stage: Stage) -> None:
    class Bare(Plugin):
        name = "bare"

        @hookimpl
        async def cm_lifespan(self) -> AsyncIterator[None]:
            yield

    with pytest.raises(PluginInvalid, match=r"@contextlib\.asynccontextmanager") as raised:
        async with lifespan(load(stage, Bare), stage):
            pass
    assert raised.value.plugin == "bare"


async def test_plugins_without_a_lifespan_are_no_trouble(stage: Stage) -> None:
    class Still(Plugin):
        name = "still"

    async with lifespan(load(stage, Still), stage):
        pass
