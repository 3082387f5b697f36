"""The smallest plugin: one route."""

from __future__ import annotations

from changemaker_core import Plugin, Request, Response, Route, endpoint, hookimpl


class Hello:
    """``/api/hello``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> dict[str, str]:
        """Return a greeting."""
        return {"hello": "world"}


class HelloPlugin(Plugin):
    """The manifest: the plugin's name and its hooks."""

    name = "hello"

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/api/hello", Hello())]
