"""The web server of one process: uvicorn, on a socket that is already listening."""

from __future__ import annotations

import importlib
import signal
from typing import TYPE_CHECKING, Any

import uvicorn

from changemaker_core.http.falcon_bridge import unsupported
from changemaker_core.server.listening import BACKLOG
from changemaker_core.server.spec import DRAIN_SECONDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

#: The versions of uvicorn that ``uvicorn_bridge`` is tested with, the same as in pyproject.
TESTED = ">=0.34,<0.55"


def concern() -> str | None:
    """Return why ``uvicorn_bridge`` is not used, for ``doctor``; ``None`` where it is.

    Without it responses are slower, a head may take any time, and a shutdown may reset connections.
    """
    if (reason := unsupported("uvicorn", TESTED)) is not None:
        return reason
    try:
        importlib.import_module("changemaker_core.server.uvicorn_bridge")
    except ImportError as error:
        return f"This uvicorn differs from the tested versions ({error}), so the site is slower."
    return None


def serve_app(
    app: Any,
    listening: socket.socket,
    *,
    started: Callable[[], None],
    drain: float = DRAIN_SECONDS,
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT, then finish what is open.

    Requests in progress may go on for ``drain`` seconds; event streams end at once.
    ``started()`` is called once requests are served. A second SIGINT waits for nothing. Raises
    ``SystemExit`` when the application cannot start.
    """
    server = _server(app, started, drain)

    # uvicorn raises the signal again when all is closed: this makes it end with status 0, and
    # handles a signal that comes before uvicorn itself listens.
    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run(sockets=[listening])
    if not server.started:
        raise SystemExit(1)


def _server(app: Any, started: Callable[[], None], drain: float) -> uvicorn.Server:
    options: dict[str, Any] = {
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "backlog": BACKLOG,
        "timeout_graceful_shutdown": drain,
    }
    if concern() is None:
        from changemaker_core.server.uvicorn_bridge import HttpProtocol, Server

        return Server(uvicorn.Config(app, http=HttpProtocol, **options), started)

    async def announcing(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def announce(event: Any) -> None:
            await send(event)
            if event["type"] == "lifespan.startup.complete":
                started()  # the socket listens already

        await app(scope, receive, announce if scope["type"] == "lifespan" else send)

    # h11 limits the size of a head by itself.
    return _PlainServer(uvicorn.Config(announcing, http="h11", **options), app)


class _PlainServer(uvicorn.Server):
    """uvicorn's server, which lets the application end its event streams before it waits."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, finish the open ones, then stop the application."""
        begin_closing(self._app)
        await super().shutdown(sockets=sockets)


def begin_closing(app: Any) -> None:
    """Tell an application that it is to stop; another than ours may not want to know."""
    getattr(app, "begin_closing", lambda: None)()
