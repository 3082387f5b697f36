"""The smallest plugin: one route."""

from __future__ import annotations

from changemaker_core import Plugin, Request, Response, Route, endpoint, hookimpl


class Hello:
    """Greets."""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> dict[str, str]:
        """Greet whoever asks."""
        return {"hello": "world"}


class HelloPlugin(Plugin):
    """The manifest: a name, and hooks."""

    name = "hello"

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/api/hello", Hello())]
