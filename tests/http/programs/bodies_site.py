"""A served site that counts the bytes of bodies, and reports its peak memory since the last look.

``bodies_site.py FOLDER`` prints its port.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from changemaker_core import Config, Plugin, Route, endpoint, hookimpl
from changemaker_core.app import create_app
from changemaker_core.server.web import serve_app
from changemaker_core.testing import migrate

MOST = 4 * 1024**3


def peak_bytes():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class Bodies:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        """Begin to measure."""
        Path("/proc/self/clear_refs").write_text("5")
        return {"peak": peak_bytes()}

    @endpoint(public=True, streams="*/*", max_body=MOST)
    async def on_put(self, req, resp):
        length = 0
        async for chunk in req.chunks():
            length += len(chunk)
        return {"length": length, "peak": peak_bytes()}

    @endpoint(public=True, streams="multipart/form-data", max_body=MOST)
    async def on_post(self, req, resp):
        length = 0
        async for part in req.parts():
            async for chunk in part.chunks():
                length += len(chunk)
        return {"length": length, "peak": peak_bytes()}


class BodiesPlugin(Plugin):
    name = "bodies"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/api/bodies", Bodies())]


if __name__ == "__main__":
    app = create_app(Config.for_tests(Path(sys.argv[1])), [BodiesPlugin])
    migrate(app.site)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serve_app(app, listening, started=lambda: print(port, flush=True))
