"""The smallest plugin: one route."""

from __future__ import annotations

from changemaker_core import Plugin, Request, Response, Route, endpoint


class Hello:
    """``/api/hello``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> dict[str, str]:
        """Return a greeting."""
        return {"hello": "world"}


class HelloPlugin(Plugin):
    """The manifest: the plugin's name, and what it contributes."""

    name = "hello"
    contributes = (Route("/api/hello", Hello()),)
