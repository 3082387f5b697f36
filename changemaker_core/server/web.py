"""The web server of one process: uvicorn, on a socket that is already listening."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import uvicorn

from changemaker_core.server.listening import BACKLOG
from changemaker_core.server.protocol import ReadyProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

#: Seconds that open requests get to finish; what is left of ``GRACE`` is for closing plugins.
REQUEST_GRACE = 8
#: Seconds in which connections that had begun are accepted.
KNOCKED = 0.2
#: Seconds in which a connection that was just accepted, or is kept for the next request, brings it.
SETTLE = 1.0


class Server(uvicorn.Server):
    """uvicorn, telling when it has begun to answer."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, then the door."""
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door, then the application.

        NOTE(reset): uvicorn closes a connection that is silent at that moment; one that was just
        accepted, or is just being written to, would be reset with its request unread. So the door
        closes a little earlier, and meanwhile each answer says that it is its connection's last.
        Before that, those are let in who have knocked: the supervisor hears nobody new.
        """
        await asyncio.sleep(KNOCKED)
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        await self._settle()
        await super().shutdown(sockets=sockets)

    async def _settle(self) -> None:
        """Wait until the connections that are in use have got their last answer."""
        clock = asyncio.get_running_loop().time
        end = clock() + SETTLE
        while self.server_state.connections and clock() < end:
            await asyncio.sleep(0.05)


def serve_app(app: Any, listening: socket.socket, *, started: Callable[[], None]) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT, then finish what is open.

    ``started()`` is called once requests are answered. A second SIGINT waits for nothing. Raises
    ``SystemExit`` when the application cannot open.
    """
    config = uvicorn.Config(
        app,
        http=ReadyProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=REQUEST_GRACE,
    )
    server = Server(config, started)
    # uvicorn raises the signal again when all is closed: this makes it end with status 0, and
    # hears a signal that comes before uvicorn itself listens.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run(sockets=[listening])
    if not server.started:
        raise SystemExit(1)
