"""A site that a thread of the test's process serves, so that it can have plugins of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn

from changemaker_core.app import create_app
from changemaker_core.testing import migrate


@contextlib.contextmanager
def served(config, plugins, **options):
    """Serve a migrated site while the block runs; gives its app and address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(config, plugins)
        migrate(app.site)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", **options))
        run = lambda: asyncio.run(server.serve(sockets=[listening]))  # noqa: E731  # a thread's work
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield app, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
