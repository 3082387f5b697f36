"""One connection: its requests one at a time, the limits of what may come, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from changemaker_core.http.response import ZERO_COPY
from changemaker_core.server.uvicorn_bridge.closing import Lingering, ReaderWatch
from changemaker_core.server.uvicorn_bridge.sendfile import is_possible
from changemaker_core.server.uvicorn_bridge.sharing import MAX_REFUSED, turns_of

if TYPE_CHECKING:
    import asyncio

#: Most bytes that may arrive without completing a head, a part of a body or a message; those of the
#: packet in which it began are not counted.
MAX_HEAD = 65_536
#: Seconds within which a head must have arrived.
HEAD_SECONDS = 30.0
#: Requests of one connection that are responded to before others have a turn.
IN_A_ROW = 4
#: Most requests of one connection that are parsed ahead of the one that is served.
MAX_AHEAD = 16
#: Bytes of a chunked body without a look around. What follows it within them may be requests, and
#: no more than may be parsed ahead: the shortest has eighteen bytes.
CHUNKED_STEP = 256
_TOO_LONG = "431 Request Header Fields Too Large"
_TOO_LATE = "408 Request Timeout"
BAD_REQUEST = "400 Bad Request"
_TOO_MANY = "503 Service Unavailable"
_OVERRIDDEN = (
    "_unset_keepalive_if_required",
    "_unsupported_upgrade_warning",
    "on_response_complete",
    "send_400_response",
    "timeout_keep_alive_handler",
)

if missing := [name for name in _OVERRIDDEN if not hasattr(HttpToolsProtocol, name)]:
    raise ImportError(f"HttpToolsProtocol lacks {', '.join(missing)}")


class Flow(FlowControl):
    """uvicorn's flow control, which may be ``held``: then nothing resumes reading."""

    held = False

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()

    def hold(self) -> None:
        """Stop reading: bytes of further requests wait already."""
        self.held = True
        self.pause_reading()


class Connection(HttpToolsProtocol):
    """One connection, which reads its requests one at a time.

    The bytes behind a request wait until it is responded to, and nothing more is read meanwhile, so
    that a client that sends thousands costs one buffer. ``app.max_connections`` limits the
    connections of the process, and half of it those of one visitor. ``HttpProtocol`` serves the
    requests.
    """

    flow: Flow

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns = turns_of(self.loop)
        #: The loop's time of the last response; ``None`` while a request is served.
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        #: Whether the last bytes began or ended something, or were part of a body; and how many
        #: bytes came since that did not.
        self._progressed = False
        self._stalled = 0
        #: Whether nothing more is read: the last request asked for an upgrade.
        self._is_last = False
        #: Bytes of further requests; responses since others had a turn.
        self._waiting = b""
        self._in_a_row = 0
        #: Bytes of the current body that are still to come; ``None`` where nobody knows.
        self._body_left: int | None = 0
        #: The end of patience with the rest of a body that was refused.
        self._discard_timer: asyncio.TimerHandle | None = None
        self._lingering: Lingering | None = None
        #: Whom the connection counts for, while it does.
        self._visitor: str | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._reader_watch = ReaderWatch(transport, self.loop)
        self._extensions: dict[str, Any] = {ZERO_COPY: {}} if is_possible(transport) else {}
        app, visitors = self.config.app, self._turns.visitors
        self._visitor = visitors.enter(app, self.client)
        if visitors.are_too_many(app, self._visitor, len(self.connections)):
            self._refuse_connection()
            return
        self._start_head_timer()

    def _refuse_connection(self) -> None:
        """Say why, and close. It counts no longer: what is refused must not keep others out."""
        self._write_error(_TOO_MANY, "retry-after: 5\r\n")
        self.connections.discard(self)
        self._leave()
        if len(self._turns.refused) < MAX_REFUSED:
            self._turns.refused.add(self)
            self._linger()
        else:
            self.transport.close()

    def _leave(self) -> None:
        visitor, self._visitor = self._visitor, None
        self._turns.visitors.leave(visitor)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._stop_head_timer()
        self._reader_watch.stop()
        self._turns.refused.discard(self)
        for timer in (self._idle_timer, self._discard_timer, self._lingering):
            if timer is not None:
                timer.cancel()
        self._idle_timer = self._discard_timer = None
        self._waiting = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None:
            self._lingering.discard(len(data))
        elif self._is_last:
            pass
        elif self._waiting or self._must_wait():
            self._wait(self._waiting + data)
        else:
            self._in_a_row = 0
            self._feed(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_watch.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reader_watch.stop()
        self._continue()

    # Requests one at a time

    def _feed(self, data: bytes) -> None:
        """Parse up to the end of one request, and what follows only if it need not wait."""
        at, end = 0, len(data)
        while at < end:
            step = self._end_of_step(data, at)
            # PERF: nearly every request comes alone, and is parsed where it lies.
            self._parse(data if step - at == end else memoryview(data)[at:step])
            at = step
            if self._lingering is not None or self._is_last or self.transport.is_closing():
                return
            if at < end and self._must_wait():
                self._wait(data[at:])
                return
        if self._in_head and self._head_timer is None:
            # PERF: nearly every head comes whole, and needs no timer.
            self._start_head_timer()

    def _end_of_step(self, data: bytes, at: int) -> int:
        """Return where to stop parsing for a look around: at the end of a head or a body, if known.

        Each head ends with an empty line, and so does a chunked body, which may have thousands.
        """
        if self._body_left:
            return min(len(data), at + self._body_left)
        found = data.find(b"\r\n\r\n", at if self._body_left == 0 else at + CHUNKED_STEP)
        return len(data) if found < 0 else found + 4

    def _parse(self, data: bytes | memoryview) -> None:
        # NOTE(bounds): uvicorn limits neither size nor time with httptools: one header without an
        # end would fill the memory, one letter hold a connection for ever. The edge limits bodies.
        self._progressed = False
        super().data_received(data)  # type: ignore[arg-type]  # the parser takes any buffer
        self._stalled = 0 if self._progressed else self._stalled + len(data)
        if self._stalled > MAX_HEAD:
            self._refuse(_TOO_LONG)

    def _must_wait(self) -> bool:
        """Whether a further request has to wait: for a response, for its reader, or for a turn."""
        return (
            (self.cycle is not None and not self.cycle.response_complete and not self._has_body())
            or self.flow.write_paused
            or self._in_a_row >= IN_A_ROW
        )

    def _has_body(self) -> bool:
        """Whether more of the current request's body is to come."""
        return self.cycle is not None and self.cycle.more_body

    def _wait(self, data: bytes) -> None:
        self._waiting = data
        self.flow.hold()
        if self._in_a_row >= IN_A_ROW:
            self._turns.add(self._take_turn)

    def _take_turn(self) -> None:
        self._in_a_row = 0
        self._continue()

    def _continue(self) -> None:
        """Go on with the bytes that waited."""
        if not self._waiting or self._must_wait() or self.transport.is_closing():
            return
        data, self._waiting = self._waiting, b""
        self.flow.held = False
        self._feed(data)
        if not self._waiting:
            self.flow.resume_reading()

    # Ends

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: the request is served as one without ``Upgrade``."""

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._is_responding():
            self._start_head_timer()  # to an earlier request
        else:
            self._refuse(_TOO_LATE)

    def _refuse(self, status: str) -> None:
        """Close; say why, where a request was begun and no other is being responded to."""
        if self._in_head and not self._is_responding() and not self.transport.is_closing():
            self._write_error(status)
        self._linger()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as uvicorn does, but so that the client can read it."""
        if self._lingering is None:
            if not self._is_responding():
                self._write_error(BAD_REQUEST)
            self._linger()

    def _write_error(self, status: str, header: str = "") -> None:
        lines = f"HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(lines.encode("ascii"))

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def close_gently(self) -> None:
        """Close the connection after a response, which the client must be able to read."""
        if self._has_body() or self._waiting or self.flow.read_paused:
            self._linger()
            return
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._reader_watch.start()

    def _linger(self) -> None:
        if self._lingering is None and not self.transport.is_closing():
            self._stop_head_timer()
            self._waiting = b""
            self._idle_since = None
            self._lingering = Lingering(self.transport, self.loop)

    # Idle connections. PERF: uvicorn starts a timer after each response and stops it at the next
    # request. Here the time of the last response is noted, and one timer looks at it when it fires.

    def _set_idle(self) -> None:
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._close_if_idle)
        else:
            self.timeout_keep_alive_handler()
            if self.transport.get_write_buffer_size():
                self._reader_watch.start()

    def _unset_keepalive_if_required(self) -> None:
        # uvicorn's hook for: bytes have arrived, or the connection is lost.
        self._idle_since = None
