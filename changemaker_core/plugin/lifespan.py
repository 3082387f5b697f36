"""Lifespans: what plugins keep open while a process serves."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from changemaker_core.plugin.errors import PluginInvalid, PluginTimeout, leave_out
from changemaker_core.plugin.hooks import raised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.loaded import LoadedPlugin

HOOK = "cm_lifespan"


@asynccontextmanager
async def lifespan(
    loaded: LoadedPlugins, site: Any, *, seconds: float = 30.0
) -> AsyncIterator[None]:
    """Enter each plugin's ``cm_lifespan`` in dependency order, and leave them in reverse.

    One that fails to start stops those that had started. Each has ``seconds`` to start and
    ``seconds`` to stop; one that takes longer is a :class:`PluginTimeout`, other exceptions are
    :class:`PluginFailed`, both with the plugin's name. All are stopped, also after one failed to.
    """
    async with AsyncExitStack() as stack:
        for plugin in loaded.plugins:
            if loaded.hooks.implements(plugin, HOOK):
                context = _context(loaded, plugin, site)
                await stack.enter_async_context(_Attributed(plugin, context, seconds))
        yield


def _context(
    loaded: LoadedPlugins, plugin: LoadedPlugin, site: Any
) -> AbstractAsyncContextManager[object]:
    try:
        context = loaded.hooks.call(plugin, HOOK, {"site": site})
    except Exception as error:
        raise raised(plugin, HOOK, error) from error
    if isinstance(context, AbstractAsyncContextManager):
        return context
    problem = f"{HOOK} returned a {type(context).__name__}, not an async context manager."
    fix = "Write @contextlib.asynccontextmanager between @hookimpl and `async def`."
    raise plugin.error(PluginInvalid, problem, fix)


class _Attributed(AbstractAsyncContextManager[None]):
    """Wrap a plugin's context manager so that its failures carry the plugin's name."""

    def __init__(
        self, plugin: LoadedPlugin, context: AbstractAsyncContextManager[object], seconds: float
    ) -> None:
        self.plugin = plugin
        self.context = context
        self.seconds = seconds

    async def __aenter__(self) -> None:
        async with self._watched("start", None):
            await self.context.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # NOTE(suppression): what it returns is ignored; a plugin must not hide what failed
        # in the server or in another plugin.
        async with self._watched("stop", error):
            await self.context.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def _watched(self, doing: str, passing: BaseException | None) -> AsyncIterator[None]:
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise raised(self.plugin, f"{HOOK} ({doing})", error) from error
            raise self._too_slow(doing) from error
        except Exception as error:
            if error is passing:
                raise
            raise raised(self.plugin, f"{HOOK} ({doing})", error) from error

    def _too_slow(self, doing: str) -> Exception:
        problem = f"{HOOK} took longer than {self.seconds:g} seconds to {doing}."
        fix = (
            "Check the servers that it connects to (`changemaker doctor`), "
            f"or {leave_out(self.plugin.name)}."
        )
        return self.plugin.error(PluginTimeout, problem, fix)
