"""One request and its response, written in one piece where that is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from changemaker_core.http.errors import ClientGone
from changemaker_core.http.response import ZERO_COPY
from changemaker_core.server.uvicorn_bridge.sendfile import send_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.server.uvicorn_bridge.connection import Connection

    Headers = list[tuple[bytes, bytes]]

#: Bytes of a body that are kept for a responder that is slower than its client.
MAX_BUFFERED = 512 * 1024


class Cycle(RequestResponseCycle):
    """One request and its response; it may be sent from a file (``ZERO_COPY``).

    ``is_long``: whether more of the request's body is to come than is worth reading past.
    """

    is_long: Callable[[], bool]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        #: The body as it came from the parser. PERF: uvicorn copies each byte of it twice.
        self._pieces: list[bytes] = []
        self._buffered = 0

    def add(self, body: bytes) -> None:
        """Take a piece of the request's body; stop reading where the responder is behind."""
        self._pieces.append(body)
        self._buffered += len(body)
        if self._buffered > MAX_BUFFERED:
            self.flow.pause_reading()
        self.message_event.set()

    def take(self) -> bytes:
        """Return what has arrived of the body since the last call."""
        pieces, self._pieces, self._buffered = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def receive(self) -> Any:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self.take(), "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        if message["type"] == ZERO_COPY:
            await self._send_file(message)
            return
        if self.disconnected and message.get("more_body"):
            raise ClientGone
        if not self.response_started and self.more_body and self.is_long():
            self.keep_alive = False
        await super().send(message)

    async def _send_file(self, message: dict[str, Any]) -> None:
        count: int = message["count"]
        if count > self.expected_content_length or self.response_complete:
            raise RuntimeError("more of a file is sent than Content-Length says")
        self.expected_content_length -= count
        transport = self.transport
        await send_file(
            transport, message["file"], message["offset"], count, lambda: self.disconnected
        )


class GentleTransport:
    """A connection's transport for one request, whose end does not cost the client its response."""

    __slots__ = ("_connection", "_transport", "get_extra_info", "is_closing", "write")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transport = connection.transport
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing
        self.get_extra_info = connection.transport.get_extra_info

    def close(self) -> None:
        self._connection.close_gently()

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()


def write_response(cycle: Cycle, head: bytes, body: bytes) -> bool:
    """Write the response to one request; return ``False`` where uvicorn must do it."""
    if (
        not cycle.keep_alive
        or cycle.disconnected
        or cycle.response_started
        or cycle.flow.write_paused
        or (cycle.more_body and cycle.is_long())
        or b"connection" in dict(cycle.default_headers)
    ):
        return False
    cycle.transport.write(joined(head, cycle.default_headers, body))
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


def joined(head: bytes, added: Headers, body: bytes) -> bytes:
    """Return a response as it is written, with the headers that the server adds."""
    return b"".join((head, *[b"%s: %s\r\n" % pair for pair in added], b"\r\n", body))


def buffered_body(cycle: Cycle) -> bytes | None:
    """Return the whole body of one request, if it has arrived."""
    if cycle.more_body or cycle.disconnected:
        return None
    return cycle.take()
