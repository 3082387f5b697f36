"""A site that stores uploads: ``python -m benchmarks.upload_site FOLDER``, on ``PORT``.

The responders are those of the guide to uploads. They write to the file ``TARGET``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changemaker_core import (
    Config,
    Plugin,
    Request,
    Response,
    Route,
    create_app,
    endpoint,
    hookimpl,
)
from changemaker_core.server.web import serve_app
from changemaker_core.testing import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST = 4 * 1024**3


class Uploads:
    """A body as it is, and the file of a form."""

    def __init__(self, target: Path) -> None:
        self._target = target

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> dict[str, int]:
        """Respond once the site is up."""
        return {}

    @endpoint(public=True, streams="application/octet-stream", max_body=MOST)
    async def on_put(self, req: Request, resp: Response) -> dict[str, int]:
        """Store the body."""
        return {"size": await self._store(req.chunks())}

    @endpoint(public=True, streams="multipart/form-data", max_body=MOST)
    async def on_post(self, req: Request, resp: Response) -> dict[str, int]:
        """Store the file of a form."""
        size = 0
        async for part in req.parts():
            size += await self._store(part.chunks())
        return {"size": size}

    async def _store(self, chunks: AsyncIterator[bytes]) -> int:
        with self._target.open("wb") as target:
            async for chunk in chunks:
                await asyncio.to_thread(target.write, chunk)
        return self._target.stat().st_size


class UploadsPlugin(Plugin):
    """One route."""

    name = "uploads"

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/upload", Uploads(Path(os.environ["TARGET"])))]


def main(folder: str) -> None:
    """Serve until a signal says stop."""
    app: Any = create_app(Config.for_tests(Path(folder)), [UploadsPlugin])
    migrate(app.site)
    listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    serve_app(app, listening, started=lambda: None)


if __name__ == "__main__":
    main(sys.argv[1])
