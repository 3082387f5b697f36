"""``events_site.py FOLDER [plain]``: a site with event streams, as one process serves it.

Prints its port once it serves, and ends at SIGTERM. ``plain`` uses no bridge to uvicorn or Falcon.
"""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import ClassVar

from changemaker_core import (
    Config,
    Event,
    EventStream,
    Model,
    Plugin,
    Route,
    Text,
    UUIDField,
    endpoint,
    hookimpl,
    new_id,
)
from changemaker_core.app import create_app
from changemaker_core.http import falcon_bridge
from changemaker_core.identity.actor import current_actor
from changemaker_core.server import web
from changemaker_core.server.web import serve_app
from changemaker_core.testing.fixtures.site import migrate


class Tick(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "ticking_tick"


def tick(tx):
    Tick.create()


class Live:
    """The number of ticks, as often as it changes. ``ended`` are streams that were closed."""

    ended: ClassVar[list[str]] = []

    def __init__(self, site):
        self._db = site.db
        self._changed = site.changed

    @endpoint(public=True)
    async def on_get(self, req, resp):
        return EventStream(self._counts())

    async def _counts(self):
        try:
            async for _ in self._changed(Tick, interval=0.2):
                count = await self._db.read(Tick.select().count)
                yield Event(data={"count": count}, id=str(count), event="count")
        finally:
            self.ended.append("counts")


class Kinds:
    """Streams that end in one way each."""

    @endpoint(public=True)
    async def on_get(self, req, resp, *, how):
        return EventStream(getattr(self, how)(req))

    async def few(self, req):
        yield "one\ntwo"
        yield Event(data={"text": Text("Not found.")}, id=f"after {req.last_event_id}", retry=1.5)
        actor = current_actor.get()
        yield Event(data=[actor and actor.id])

    async def fails(self, req):
        yield "one"
        raise RuntimeError("the secret is 44")

    async def floods(self, req):
        try:
            while True:
                yield "x" * 60_000
        finally:
            Live.ended.append("floods")

    async def silent(self, req):
        try:
            yield "one"
            await req.site.closing.wait()
            yield "never"
        finally:
            Live.ended.append("silent")


class TickingPlugin(Plugin):
    name = "ticking"

    @hookimpl
    def cm_register_models(self):
        return [Tick]

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/live", Live(site)), Route("/streams/{how}", Kinds())]


if __name__ == "__main__":
    logging.basicConfig()
    if "plain" in sys.argv:
        falcon_bridge.TESTED = web.TESTED = ">=99"
    app = create_app(Config.for_tests(Path(sys.argv[1])), [TickingPlugin])
    migrate(app.site)
    app.site.db.sync.write(lambda tx: Tick.create_table())
    listening = socket.create_server(("127.0.0.1", 0))
    serve_app(app, listening, started=lambda: print(listening.getsockname()[1], flush=True))
