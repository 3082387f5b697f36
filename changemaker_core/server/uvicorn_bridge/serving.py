"""uvicorn's server: it starts, and a shutdown resets no connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import uvicorn

from changemaker_core.server.spec import DRAIN_SECONDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

log = logging.getLogger(__name__)

#: Seconds in which connections that clients have begun to open are still accepted at a shutdown,
#: and how often the loop looks for them at least.
ACCEPT_SECONDS, ACCEPT_LOOKS = 0.2, 4
#: Seconds in which a connection that was just accepted, or is idle, may send its last request.
IDLE_SECONDS = 1.0
#: Seconds in which a request whose connection was aborted may clean up.
ABORT_SECONDS = 0.5
#: Seconds between two updates of the headers that all responses have; uvicorn counts ten a second.
TICK_SECONDS = 0.1
_OVERRIDDEN = ("startup", "main_loop", "on_tick", "handle_exit", "shutdown")

if missing := [name for name in _OVERRIDDEN if not hasattr(uvicorn.Server, name)]:
    raise ImportError(f"uvicorn's Server lacks {', '.join(missing)}")


class _Connections(set[Any]):
    """The open connections, and the news that there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.none_left = asyncio.Event()
        self.none_left.set()

    def add(self, connection: Any) -> None:
        super().add(connection)
        self.none_left.clear()

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        if not self:
            self.none_left.set()

    async def wait_for_none(self, seconds: float) -> bool:
        """Return True once none is open, or False after ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.none_left.wait()
        return not self


class Server(uvicorn.Server):
    """uvicorn's server, which calls ``started()`` once it serves, and shuts down in order.

    Each step of a shutdown begins when the one before is done; uvicorn looks ten times a second.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._call_started = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = asyncio.Event()
        self._connections = self.server_state.connections = _Connections()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._call_started()

    async def main_loop(self) -> None:
        """Keep the headers up to date until a signal comes."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._signalled.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal: stop; a second SIGINT waits for nothing."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_signal)

    def _on_signal(self) -> None:
        self._signalled.set()
        if self.force_exit:
            self._abort_connections()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, finish the open ones, then stop the application.

        NOTE(reset): uvicorn closes a connection that is silent at that moment; one that was just
        accepted, or is just being written to, would be reset with its request unread. So accepting
        ends a little earlier, and meanwhile each response closes its connection: whose client then
        takes another from its pool, which may have been silent for long.
        Before that, those are accepted that clients have begun to open: the supervisor takes no new
        ones.
        """
        drain = self.config.timeout_graceful_shutdown or DRAIN_SECONDS
        end = asyncio.get_running_loop().time() + drain
        if (begin_closing := getattr(self.config.app, "begin_closing", None)) is not None:
            begin_closing()
        # A process that had to wait for the processor finds its time over before it has looked.
        for _ in range(ACCEPT_LOOKS):
            await asyncio.sleep(ACCEPT_SECONDS / ACCEPT_LOOKS)
        for each in (*self.servers, *(sockets or ())):
            each.close()
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        await self._connections.wait_for_none(IDLE_SECONDS)
        for connection in tuple(self._connections):
            connection.shutdown()
        await self._finish_requests(end)
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _finish_requests(self, end: float) -> None:
        """Wait for open requests until ``end``; then end them, as if their clients were gone."""
        clock = asyncio.get_running_loop().time
        if not await self._connections.wait_for_none(end - clock()):
            log.warning("%d requests did not finish in time", len(self._connections))
            self._abort_connections()
        tasks = self.server_state.tasks
        if tasks and not self.force_exit:
            await asyncio.wait(tuple(tasks), timeout=max(end - clock(), ABORT_SECONDS))
        for task in tuple(tasks):
            task.cancel()

    def _abort_connections(self) -> None:
        for connection in tuple(self._connections):
            connection.transport.abort()
