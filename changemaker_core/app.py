"""From a configuration to an ASGI app. There are no globals: each app is a world of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from changemaker_core.db import utcnow
from changemaker_core.http.edge import Edge
from changemaker_core.http.routing import build_falcon_app
from changemaker_core.jobs import RunnerThread
from changemaker_core.plugin.lifespan import lifespan as plugin_lifespans
from changemaker_core.settings.stored import CoreSettings
from changemaker_core.site import Site
from changemaker_core.web.sources.check import refuse_unsound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Sequence
    from datetime import datetime

    from changemaker_core.config import Config
    from changemaker_core.plugin.base import Plugin


def create_app(
    config: Config,
    plugins: Sequence[type[Plugin]] | None = None,
    *,
    run_jobs: bool = False,
    only: Collection[str] = (),
    except_: Collection[str] = (),
    safe_mode: bool = False,
    clock: Callable[[], datetime] = utcnow,
) -> App:
    """Return a site as an ASGI app.

    ``plugins``: ``None`` loads those that are installed; a list of classes loads exactly those.
    ``run_jobs`` also runs the site's jobs, on threads of this process. ``only`` and ``except_``
    choose whose routes it mounts; every plugin is still loaded. ``safe_mode`` loads core
    alone. ``clock`` returns the time as an aware UTC datetime.

    Raises :class:`~changemaker_core.plugin.errors.BootFailed` with every problem at once, and
    :class:`~changemaker_core.ConfigError` for a site in development with a public address.
    """
    site = Site(config, plugins, safe_mode=safe_mode, clock=clock)
    return App(site, run_jobs=run_jobs, only=only, except_=except_)


class App(Edge):
    """The ASGI app of a site. Mounted in another app, run :meth:`lifespan` with the host's own."""

    def __init__(
        self,
        site: Site,
        *,
        run_jobs: bool = False,
        only: Collection[str] = (),
        except_: Collection[str] = (),
    ) -> None:
        site.config.check_serving()
        if site.config.development:
            refuse_unsound(site)
        falcon_app = build_falcon_app(site, _OnServer(self), only=only, except_=except_)
        super().__init__(falcon_app, site)
        self._run_jobs = run_jobs

    def begin_closing(self) -> None:
        """End what goes on and on, such as event streams. The server calls it when it is to stop,
        before it waits for the responses that are still being sent."""
        self.site.closing.set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run the app: listen for changes, enter the plugins' lifespans.

        The site is closed at its end, so an app has one lifespan.
        """
        site = self.site
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, site.close)
            await site.db.changes.start()
            self.started = True
            stack.push_async_callback(site.db.changes.stop)
            await site.settings.refresh()
            following = asyncio.create_task(_follow_settings(site))
            stack.push_async_callback(_ended, following)
            stack.push_async_callback(site.cache.stop)
            await stack.enter_async_context(plugin_lifespans(site.loaded, site))
            if self._run_jobs:
                runner = RunnerThread(site, concurrency=site.config.jobs_concurrency)
                runner.start()
                stack.push_async_callback(asyncio.to_thread, runner.stop)
            if site.config.redis_url is not None:
                from changemaker_core.shared.tickets import TicketSender

                sender = TicketSender(site, site.config.redis_url)
                sender.start()
                stack.push_async_callback(asyncio.to_thread, sender.stop)
            stack.callback(self.access_log.flush)
            stack.push_async_callback(site.live.stop)
            yield


async def _follow_settings(site: Site) -> None:
    """Read the settings again after each change, by whatever process."""
    async for _ in site.changed(CoreSettings, interval=0):
        if site.settings.read != site.settings.written:
            await site.settings.refresh()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _OnServer:
    """Runs the app's lifespan when the server speaks ASGI's lifespan protocol."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stack = AsyncExitStack()

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        await self._stack.enter_async_context(self._app.lifespan())

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        await self._stack.aclose()
