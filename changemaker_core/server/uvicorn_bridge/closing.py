"""Ends of connections: of a client that still sends, and of one that reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: Bytes of a refused body that are read past before a connection is no longer worth keeping.
DISCARD_BYTES = 1024 * 1024
#: Bytes that are read past, and seconds that are waited, before a connection is closed.
LINGER_BYTES = 8 * 1024 * 1024
LINGER_SECONDS = 5.0
#: Seconds in which a client must read something of what waits for it, and how much.
READ_SECONDS = 30.0
LEAST_READ = 1024


class Lingering:
    """Closes a connection whose client may still be sending.

    NOTE(reset): to close while bytes are unread resets the connection, and the client may lose the
    response: a 413 looks like a fault of the network. So our side is closed first, what comes
    is read past for a while, and a client that goes on is slowed down by not reading.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._discarded = 0
        if transport.can_write_eof():
            transport.write_eof()
        transport.resume_reading()
        self._timer = loop.call_later(LINGER_SECONDS, transport.abort)

    def discard(self, count: int) -> None:
        """Read past ``count`` bytes."""
        self._discarded += count
        if self._discarded > LINGER_BYTES:
            self._transport.pause_reading()

    def cancel(self) -> None:
        """Stop waiting: the connection is closed."""
        self._timer.cancel()


class ReaderWatch:
    """Ends a connection whose client reads nothing of what waits for it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch: something waits for the client."""
        if self._timer is None:
            self._left = self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(READ_SECONDS, self._check)

    def stop(self) -> None:
        """End watching: the client has read it, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        left = self._transport.get_write_buffer_size()
        self._timer = None
        if left == 0:
            return
        if left > self._left - LEAST_READ:
            self._transport.abort()
        else:
            self.start()
