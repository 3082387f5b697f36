"""``plain_site.py FOLDER``: a small site served without the bridges to Falcon and uvicorn.

Prints its port once it serves, and ends at SIGTERM.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from changemaker_core import Body, Config, NotFound, Plugin, Route, endpoint, hookimpl
from changemaker_core.app import create_app
from changemaker_core.http import falcon_bridge
from changemaker_core.server import web
from changemaker_core.server.web import serve_app
from changemaker_core.testing.fixtures.site import migrate


class Greeting(Body):
    name: str


class Greetings:
    runs = 0

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        Greetings.runs += 1
        return {"runs": Greetings.runs}

    @endpoint(public=True, body=Greeting, status=201)
    async def on_post(self, req, resp, *, body):
        return {"hello": body.name}

    @endpoint(public=True)
    async def on_delete(self, req, resp):
        raise NotFound

    @endpoint(public=True)
    async def on_get_stream(self, req, resp):
        resp.stream = self._parts()

    async def _parts(self):
        yield b"one "
        yield b"two"


class GreetingsPlugin(Plugin):
    name = "greetings"

    @hookimpl
    def cm_register_routes(self):
        greetings = Greetings()
        return [
            Route("/api/greetings", greetings),
            Route("/api/greetings/stream", greetings, suffix="stream"),
        ]


if __name__ == "__main__":
    falcon_bridge.TESTED = web.TESTED = ">=99"
    app = create_app(Config.for_tests(Path(sys.argv[1])), [GreetingsPlugin])
    migrate(app.site)
    listening = socket.create_server(("127.0.0.1", 0))
    serve_app(app, listening, started=lambda: print(listening.getsockname()[1], flush=True))
