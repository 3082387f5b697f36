"""uvicorn's server: it starts, and a shutdown resets no connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

#: Seconds in which connections that clients have begun to open are still accepted at a shutdown.
ACCEPT_SECONDS = 0.2
#: Seconds in which a connection that was just accepted, or is idle, may send its last request.
DRAIN_SECONDS = 1.0


class Server(uvicorn.Server):
    """uvicorn's server, which calls ``started()`` once it serves, and shuts down in order."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._call_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._call_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, finish the open ones, then stop the application.

        NOTE(reset): uvicorn closes a connection that is silent at that moment; one that was just
        accepted, or is just being written to, would be reset with its request unread. So accepting
        ends a little earlier, and meanwhile each response closes its connection.
        Before that, those are accepted that clients have begun to open: the supervisor takes no new
        ones.
        """
        if (begin_closing := getattr(self.config.app, "begin_closing", None)) is not None:
            begin_closing()
        await asyncio.sleep(ACCEPT_SECONDS)
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        clock = asyncio.get_running_loop().time
        end = clock() + DRAIN_SECONDS
        while self.server_state.connections and clock() < end:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets=sockets)
