"""A site under /act of another Falcon application."""

from contextlib import AsyncExitStack

import falcon.asgi

from changemaker_core import Config, create_app

site = create_app(Config.load(), run_jobs=True)


class SiteLifespan:
    """Falcon calls it when the server starts and stops."""

    def __init__(self):
        self.stack = AsyncExitStack()

    async def process_startup(self, scope, event):
        await self.stack.enter_async_context(site.lifespan())

    async def process_shutdown(self, scope, event):
        await self.stack.aclose()


class Home:
    async def on_get(self, req, resp):
        resp.text = "the host's own page"


host = falcon.asgi.App(middleware=[SiteLifespan()])
host.add_route("/", Home())


async def app(scope, receive, send):
    inside = scope["type"] == "http" and f"{scope['path']}/".startswith("/act/")
    if inside:
        await site({**scope, "root_path": "/act"}, receive, send)
    else:
        await host(scope, receive, send)
