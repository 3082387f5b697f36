"""uvicorn's HTTP protocol and server, extended: the only file that uses uvicorn's insides.

It adds: cached and complete responses are written in one piece, without a task or ASGI's
messages; a head has a maximal size and time; one timer for a connection instead of one for each
response; requests are parsed one at a time; a client that does not read, or goes on sending, is
bounded; files are sent by the kernel; no request is read behind one with ``Upgrade``; and a
shutdown that resets no connection. Undocumented names that are used:

- ``HttpToolsProtocol``: the callbacks of its parser, ``on_response_complete``,
  ``send_400_response``, ``_unset_keepalive_if_required``, ``_unsupported_upgrade_warning``,
  ``timeout_keep_alive_handler`` and its state (``connections``, ``cycle``, ``expect_100_continue``,
  ``flow``, ``headers``, ``loop``, ``parser``, ``pipeline``, ``root_path``, ``scope``,
  ``server_state``, ``tasks``, ``timeout_keep_alive``, ``transport``, ``url``);
- ``RequestResponseCycle``: its constructor, ``run_asgi``, ``send`` and its state;
- ``FlowControl``: ``resume_reading``, ``pause_reading``, ``read_paused`` and ``write_paused``;
- ``Server``: ``startup``, ``shutdown``, ``servers`` and ``server_state``.

``server.web`` imports this file only for the versions it names; others run plain uvicorn.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from changemaker_core.http.errors import ClientGone
from changemaker_core.http.request import BUFFERED_BODY
from changemaker_core.http.response import WRITE_RESPONSE, ZERO_COPY
from changemaker_core.server.closing import (
    DISCARD_BYTES,
    LINGER_SECONDS,
    Lingering,
    ReaderWatch,
)
from changemaker_core.server.sendfile import is_possible, send_file

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Headers = list[tuple[bytes, bytes]]
    FindCached = Callable[[dict[str, Any]], tuple[bytes, bytes] | None]

log = logging.getLogger(__name__)

#: Most bytes that may arrive without completing a head, a part of a body or a message; those of the
#: packet in which it began are not counted.
MAX_HEAD = 65_536
#: Bytes of a body that are kept for a responder that is slower than its client.
MAX_BUFFERED = 512 * 1024
#: Seconds within which a head must have arrived.
HEAD_SECONDS = 30.0
#: Requests of one connection that are responded to before others have a turn, and most that are
#: parsed ahead of the one that is served.
MAX_AHEAD = 16
#: Seconds in which connections that clients have begun to open are still accepted at a shutdown.
ACCEPT_SECONDS = 0.2
#: Seconds in which a connection that was just accepted, or is idle, may send its last request.
DRAIN_SECONDS = 1.0
_TOO_LONG = "431 Request Header Fields Too Large"
_TOO_LATE = "408 Request Timeout"
_BAD_REQUEST = "400 Bad Request"
_NO_CODING = "501 Not Implemented"
_TOO_MANY = "503 Service Unavailable"
#: Headers of a request that has a body, or needs more than a response.
_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
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


class HttpProtocol(HttpToolsProtocol):
    """One connection. A plain GET whose response is cached is responded to at once.

    Where ``app.cached_response(scope)`` returns none, the application runs in a task, as in
    uvicorn alone, and may pass its response as a whole (``WRITE_RESPONSE``). Everything that is not
    plain goes uvicorn's own way: a request behind another that is not finished, a body, a
    connection that is about to close, a client that does not read.

    Requests are parsed one at a time: the bytes behind one wait until it is responded to, and
    nothing more is read meanwhile, so that a client that sends thousands costs one buffer.
    ``app.max_connections`` limits the connections of the process.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._find_cached: FindCached | None = getattr(self.config.app, "cached_response", None)
        self._max_connections: int | None = getattr(self.config.app, "max_connections", None)
        #: Whether the current request was responded to from the cache.
        self._from_cache = False
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
        #: Bytes of it that were read past since the response, and the end of patience with it.
        self._discarded = 0
        self._discard_timer: asyncio.TimerHandle | None = None
        self._lingering: Lingering | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._reader_watch = ReaderWatch(transport, self.loop)
        self._extensions: dict[str, Any] = {ZERO_COPY: {}} if is_possible(transport) else {}
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            self._write_error(_TOO_MANY, "retry-after: 5\r\n")
            self._linger()
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._reader_watch.stop()
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

        Each head ends with an empty line, and so does a chunked body.
        """
        if self._body_left:
            return min(len(data), at + self._body_left)
        found = data.find(b"\r\n\r\n", at)
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
            or self._in_a_row >= MAX_AHEAD
        )

    def _has_body(self) -> bool:
        """Whether more of the current request's body is to come."""
        return self.cycle is not None and self.cycle.more_body

    def _wait(self, data: bytes) -> None:
        self._waiting = data
        self.flow.hold()  # type: ignore[attr-defined]  # our own Flow
        if self._in_a_row >= MAX_AHEAD:
            self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._in_a_row = 0
        self._continue()

    def _continue(self) -> None:
        """Go on with the bytes that waited."""
        if not self._waiting or self._must_wait() or self.transport.is_closing():
            return
        data, self._waiting = self._waiting, b""
        self.flow.held = False  # type: ignore[attr-defined]  # our own Flow
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
                self._write_error(_BAD_REQUEST)
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

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._lingering is not None:
            return
        if self.pipeline:
            cycle, _ = self.pipeline.pop()
            self._start(cycle)
            self.flow.resume_reading()
        elif self._has_body():
            self._discard_timer = self.loop.call_later(LINGER_SECONDS, self._linger)
            self.flow.resume_reading()
        elif self._waiting:
            self._continue()
        else:
            self.flow.resume_reading()
            self._set_idle()

    # One request

    def on_message_begin(self) -> None:
        self._from_cache = False
        self._in_head = self._progressed = True
        self._body_left = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head_timer is not None:
            self._stop_head_timer()
        if self.parser.should_upgrade():
            self._serve_last()
            return
        self._progressed = True
        self._in_a_row += 1
        if any(n == b"transfer-encoding" and v.lower() != b"chunked" for n, v in self.headers):
            self._refuse(_NO_CODING)
            return
        self._in_head = False
        if self._find_cached is None or not self._is_plain():
            self._begin_request()
            return
        # The request line, as uvicorn puts it into the scope.
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["method"] = "GET"
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        if not self._respond_from_cache(self._find_cached):
            self._call_app()

    def _begin_request(self) -> None:
        """Serve a request of any kind, as uvicorn does, behind those that came before."""
        version = self.parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        headers = dict(self.headers)
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        self.scope["raw_path"] = self.root_path.encode("ascii") + url.path
        self.scope["query_string"] = url.query or b""
        if url.host is not None:
            self._take_host_of(url)
        # NOTE(trailers): the parser reports those of a chunked body as further headers. A proxy
        # that replaces X-Forwarded-For in the head may pass on what a visitor wrote there.
        self.headers = []
        length = headers.get(b"content-length", b"0")
        is_known = b"transfer-encoding" not in headers and length.isdigit()
        self._body_left = int(length) if is_known else None
        busy = self._is_responding()
        self.cycle = self._new_cycle(
            transport=_Gentle(self),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
        )
        if not busy:
            self._start(self.cycle)
            return
        self.flow.pause_reading()
        self.pipeline.appendleft((self.cycle, self.app))
        if len(self.pipeline) > MAX_AHEAD:
            self.transport.abort()

    def _take_host_of(self, url: Any) -> None:
        """Let the address in the request line decide, as RFC 9112 (section 3.2.2) has it."""
        authority = url.host if url.port is None else b"%s:%d" % (url.host, url.port)
        if [name for name, _ in self.headers].count(b"host") == 1:
            self.headers[:] = [
                (name, authority if name == b"host" else value) for name, value in self.headers
            ]

    def _serve_last(self) -> None:
        """Serve a request with ``Upgrade`` as one without, and close.

        NOTE(smuggling): httptools reads no body behind such a head, and would take the bytes of the
        body for the next request. So one with a body is refused, and nothing after it is read.
        """
        headers = dict(self.headers)
        if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
            self._refuse(_BAD_REQUEST)
            self._is_last = True
            return
        self._is_last = True
        self._in_head, self._progressed = False, True
        self._begin_request()
        self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        if self._body_left:
            self._body_left -= len(body)
        if self._from_cache:
            return
        if not self.cycle.response_complete:
            self.cycle.add(body)  # type: ignore[attr-defined]  # our own Cycle
        else:
            self._discarded += len(body)
            if self._discarded > DISCARD_BYTES:
                self._linger()

    def on_message_complete(self) -> None:
        self._progressed = True
        self._body_left = 0
        if self._from_cache:
            return
        if not self.cycle.response_complete:
            super().on_message_complete()
            return
        # The rest of a body that was refused: the connection goes on.
        self.cycle.more_body = False
        self._discarded = 0
        if self._discard_timer is not None:
            self._discard_timer.cancel()
            self._discard_timer = None
            self._set_idle()

    def _is_plain(self) -> bool:
        return (
            self.parser.get_method() == b"GET"
            and (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.flow.write_paused
            and self.url.startswith(b"/")
            and _NOT_PLAIN.isdisjoint(dict(self.headers))
            and b"connection" not in dict(self.server_state.default_headers)
        )

    def _respond_from_cache(self, find_cached: FindCached) -> bool:
        try:
            found = find_cached(self.scope)  # type: ignore[arg-type]  # a TypedDict is a dict at run time
        except Exception:  # a database that is away, say: the application can tell the client
            log.exception("the cache could not be read")
            return False
        if found is None:
            return False
        head, body = found
        self.transport.write(_joined(head, self.server_state.default_headers, body))
        self._from_cache = True
        self.server_state.total_requests += 1
        self._set_idle()
        return True

    def _call_app(self) -> None:
        """Run the application in a task: uvicorn's steps for a request that is known to be plain.

        PERF(tasks): a task that took its first step here, as Python 3.12's eager ones do, was
        slower by an eighth. A processor is fastest where it does one thing for many requests.
        """
        self.cycle = self._new_cycle(
            transport=self.transport, expect_100_continue=False, keep_alive=True
        )
        self._start(self.cycle)

    def _new_cycle(self, **differing: Any) -> Cycle:
        cycle = Cycle(
            scope=self.scope,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            on_response=self.on_response_complete,
            **differing,
        )
        cycle.is_long = self._is_long
        offered: Any = {
            WRITE_RESPONSE: functools.partial(_write_response, cycle),
            BUFFERED_BODY: functools.partial(_buffered_body, cycle),
            **self._extensions,
        }
        cycle.scope["extensions"] = offered
        return cycle

    def _is_long(self) -> bool:
        return self._body_left is None or self._body_left > DISCARD_BYTES

    def _start(self, cycle: RequestResponseCycle) -> None:
        self._in_a_row = 0
        task = self.loop.create_task(cycle.run_asgi(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class _Gentle:
    """A connection's transport for one request, whose end does not cost the client its response."""

    __slots__ = ("_protocol", "_transport", "get_extra_info", "is_closing", "write")

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.get_extra_info = protocol.transport.get_extra_info

    def close(self) -> None:
        self._protocol.close_gently()

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()


def _write_response(cycle: Cycle, head: bytes, body: bytes) -> bool:
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
    cycle.transport.write(_joined(head, cycle.default_headers, body))
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


def _joined(head: bytes, added: Headers, body: bytes) -> bytes:
    """Return a response as it is written, with the headers that the server adds."""
    return b"".join((head, *[b"%s: %s\r\n" % pair for pair in added], b"\r\n", body))


def _buffered_body(cycle: Cycle) -> bytes | None:
    """Return the whole body of one request, if it has arrived."""
    if cycle.more_body or cycle.disconnected:
        return None
    return cycle.take()


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
