"""Where a request's time goes, without sockets: CPU microseconds, step after step.

``python -m benchmarks.in_process SITE SLUG`` drives the HTTP protocol of ``changemaker serve`` with
bytes, as the event loop does, and takes the bytes that it writes. Each level does one thing more
than the one before it. Prints JSON: levels by name, each with its best turn.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import sys
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from changemaker_core import Config, Plugin, Request, Response, Route, endpoint, hookimpl
from changemaker_core.app import App, create_app
from changemaker_core.cache.responses import http_head
from changemaker_core.http.response import WRITE_RESPONSE
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from changemaker_influence.campaigns.queries import published_by_slug
from changemaker_influence.campaigns.schemas import PublicCampaign
from changemaker_influence.plugin import InfluencePlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Send = Callable[[dict[str, Any]], Awaitable[None]]

TURNS, REQUESTS = 15, 250
#: The names of the levels, in their order; ``CACHED`` is the whole way of a cached response.
UVICORN = "uvicorn, and an application that sends bytes"
PROTOCOL = "our protocol: bounds, cache lookup, one write"
EDGE = "the edge: sender, route, limits, headers, log, metrics; Falcon's request and response"
JSON = "a Struct written as JSON"
WHOLE = "the query, its rows, the responder"
CACHED = "a cached response"
DRIVER = "the same statement by the driver alone"
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"cache-control", b"no-store"),
    (b"x-request-id", b"0123456789ab-1"),
]


class Wire(asyncio.Transport):
    """A client that takes whatever is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 4000)})
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


class Bare:
    """The least that an ASGI application can be: it sends ``body``."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
        self._head = http_head(b"200 OK", self._headers)

    def cached_response(self, scope: dict[str, Any]) -> None:
        """Nothing is cached."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Send it, at once where that is offered."""
        at_once = scope.get("extensions", {}).get(WRITE_RESPONSE)
        if at_once is not None:
            at_once(self._head, self._body)
            return
        start = {"type": "http.response.start", "status": 200, "headers": self._headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._body})


class Fixed:
    """Endpoints whose responses are ready."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._campaign = msgspec.json.decode(body, type=PublicCampaign)

    @endpoint(public=True)
    async def on_get_bytes(self, req: Request, resp: Response, *, slug: str) -> bytes:
        """Bytes."""
        resp.content_type = "application/json"
        return self._body

    @endpoint(public=True, response=PublicCampaign)
    async def on_get_json(self, req: Request, resp: Response, *, slug: str) -> PublicCampaign:
        """A Struct."""
        return self._campaign


def _plugin(body: bytes) -> type[Plugin]:
    class Probe(Plugin):
        """What the levels between ask."""

        name = "probe"

        @hookimpl
        def cm_register_routes(self) -> list[Route]:
            fixed = Fixed(body)
            return [
                Route("/api/public/probes/{slug}/bytes", fixed, suffix="bytes"),
                Route("/api/public/probes/{slug}/json", fixed, suffix="json"),
            ]

    return Probe


class Driven:
    """One connection to an application."""

    def __init__(self, app: Any, kind: type[HttpToolsProtocol] = HttpProtocol) -> None:
        config = uvicorn.Config(
            app, http=kind, ws="none", lifespan="off", log_config=None, access_log=False
        )
        config.load()
        self._state = ServerState()
        self._state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
        loop = asyncio.get_running_loop()
        self._protocol = kind(config, self._state, {}, loop)
        self._wire = Wire()
        self._protocol.connection_made(self._wire)

    async def ask(self, path: str) -> bytes:
        """The response's body."""
        await self._ask(_request(path), 1)
        response = b"".join(self._wire.written)
        self._wire.written.clear()
        head, _, body = response.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{path}: {head.decode()}")
        return body

    async def cost(self, path: str) -> float:
        """CPU microseconds of one request, in the best of many turns."""
        request = _request(path)
        best = float("inf")
        for _ in range(TURNS):
            began = process_time()
            await self._ask(request, REQUESTS)
            best = min(best, process_time() - began)
            self._wire.written.clear()
        return best / REQUESTS * 1e6

    async def _ask(self, request: bytes, times: int) -> None:
        for _ in range(times):
            responded = self._state.total_requests + 1
            self._protocol.data_received(request)
            while self._state.total_requests < responded:
                await asyncio.sleep(0)


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n\r\n".encode()


async def levels(folder: Path, slug: str) -> dict[str, float]:
    """Microseconds of each level for the site in ``folder``, which is on SQLite."""
    real, probes = f"/api/public/campaigns/{slug}", f"/api/public/probes/{slug}"
    kept = create_app(Config.load(folder, environ={}), [InfluencePlugin])
    async with kept.lifespan():
        driven = Driven(kept)
        body = await driven.ask(real)
        found = {CACHED: await driven.cost(real)}
    config = Config.load(folder, environ={"CHANGEMAKER_CACHE_BYTES": "0"})
    app = create_app(config, [InfluencePlugin, _plugin(body)])
    async with app.lifespan():
        found[UVICORN] = await Driven(Bare(body), HttpToolsProtocol).cost(real)
        found[PROTOCOL] = await Driven(Bare(body)).cost(real)
        site = Driven(app)
        found[EDGE] = await site.cost(f"{probes}/bytes")
        found[JSON] = await site.cost(f"{probes}/json")
        found[WHOLE] = await site.cost(real)
        found[DRIVER] = _driver(app, slug)
    return found


def _driver(app: App, slug: str) -> float:
    """The page's statement without anything of ours around it."""
    plan, values = published_by_slug(slug=slug).prepare("sqlite")
    file = app.site.config.database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(file, isolation_level=None)
    best = float("inf")
    for _ in range(TURNS):
        began = process_time()
        for _ in range(REQUESTS):
            connection.execute(plan.sql, values).fetchall()
        best = min(best, process_time() - began)
    connection.close()
    return best / REQUESTS * 1e6


def _log_to_nowhere() -> None:
    """The access log is written, as by ``serve``."""
    log = logging.getLogger("changemaker.access")
    log.addHandler(logging.StreamHandler(open(os.devnull, "w")))  # until the end
    log.setLevel(logging.INFO)
    log.propagate = False


if __name__ == "__main__":
    _log_to_nowhere()
    sys.stdout.write(json.dumps(uvloop.run(levels(Path(sys.argv[1]), sys.argv[2]))))
