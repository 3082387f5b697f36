"""uvicorn's HTTP protocol and server, extended: the only file that uses uvicorn's insides.

It adds: cached and complete responses are written in one piece, without a task or ASGI's
messages; a head has a maximal size and time; one timer for a connection instead of one for each
response; no request is read behind one with ``Upgrade``; and a shutdown that resets no connection.
Undocumented names that are used:

- ``HttpToolsProtocol``: the callbacks of its parser, ``on_response_complete``,
  ``_unset_keepalive_if_required``, ``_unsupported_upgrade_warning``,
  ``timeout_keep_alive_handler`` and its state (``cycle``,
  ``flow``, ``headers``, ``loop``, ``parser``, ``pipeline``, ``scope``, ``server_state``, ``tasks``,
  ``timeout_keep_alive``, ``transport``, ``url``);
- ``RequestResponseCycle``: its constructor, ``run_asgi`` and its state;
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
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from changemaker_core.http.request import BUFFERED_BODY
from changemaker_core.http.response import WRITE_RESPONSE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Headers = list[tuple[bytes, bytes]]
    FindCached = Callable[[dict[str, Any]], tuple[bytes, bytes] | None]

log = logging.getLogger(__name__)

#: Most bytes that may arrive without completing a head, a part of a body or a message; those of the
#: packet in which it began are not counted.
MAX_HEAD = 65_536
#: Seconds within which a head must have arrived.
HEAD_SECONDS = 30.0
#: Seconds in which connections that clients have begun to open are still accepted at a shutdown.
ACCEPT_SECONDS = 0.2
#: Seconds in which a connection that was just accepted, or is idle, may send its last request.
DRAIN_SECONDS = 1.0
_TOO_LONG = "431 Request Header Fields Too Large"
_TOO_LATE = "408 Request Timeout"
_UPGRADE_WITH_BODY = "400 Bad Request"
#: Headers of a request that has a body, or needs more than a response.
_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
_OVERRIDDEN = (
    "_unset_keepalive_if_required",
    "_unsupported_upgrade_warning",
    "on_response_complete",
    "timeout_keep_alive_handler",
)

if missing := [name for name in _OVERRIDDEN if not hasattr(HttpToolsProtocol, name)]:
    raise ImportError(f"HttpToolsProtocol lacks {', '.join(missing)}")


class HttpProtocol(HttpToolsProtocol):
    """One connection. A plain GET whose response is cached is responded to at once.

    Where ``app.cached_response(scope)`` returns none, the application runs in a task, as in
    uvicorn alone, and may pass its response as a whole (``WRITE_RESPONSE``). Everything that is not
    plain goes uvicorn's own way: a request behind another that is not finished, a body, a
    connection that is about to close, a client that does not read.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._find_cached: FindCached | None = getattr(self.config.app, "cached_response", None)
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

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # NOTE(bounds): uvicorn limits neither size nor time with httptools: one header without an
        # end would fill the memory, one letter hold a connection for ever. The edge limits bodies.
        if self._is_last:
            return
        self._progressed = False
        super().data_received(data)
        self._stalled = 0 if self._progressed else self._stalled + len(data)
        if self._stalled > MAX_HEAD:
            self._refuse(_TOO_LONG)
        elif self._in_head and self._head_timer is None:
            # PERF: nearly every head comes whole, and needs no timer.
            self._start_head_timer()

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
            head = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head.encode("ascii"))
        self.transport.close()

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

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

    def _unset_keepalive_if_required(self) -> None:
        # uvicorn's hook for: bytes have arrived, or the connection is lost.
        self._idle_since = None

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._set_idle()

    # One request

    def on_message_begin(self) -> None:
        self._from_cache = False
        self._in_head = self._progressed = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head_timer is not None:
            self._stop_head_timer()
        if self.parser.should_upgrade():
            self._serve_last()
            return
        self._in_head, self._progressed = False, True
        if self._find_cached is None or not self._is_plain():
            super().on_headers_complete()
            self._offer_extensions(self.cycle)
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

    def _serve_last(self) -> None:
        """Serve a request with ``Upgrade`` as one without, and close.

        NOTE(smuggling): httptools reads no body behind such a head, and would take the bytes of the
        body for the next request. So one with a body is refused, and nothing after it is read.
        """
        self._is_last = True
        headers = dict(self.headers)
        if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
            self._refuse(_UPGRADE_WITH_BODY)
            return
        self._in_head, self._progressed = False, True
        super().on_headers_complete()
        self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]
        self._offer_extensions(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        if not self._from_cache:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._progressed = True
        if not self._from_cache:
            super().on_message_complete()

    def _is_plain(self) -> bool:
        return (
            self.parser.get_method() == b"GET"
            and (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.flow.write_paused
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
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        self._offer_extensions(self.cycle)
        task = self.loop.create_task(self.cycle.run_asgi(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _offer_extensions(self, cycle: RequestResponseCycle) -> None:
        offered: Any = {
            WRITE_RESPONSE: functools.partial(_write_response, cycle),
            BUFFERED_BODY: functools.partial(_buffered_body, cycle),
        }
        cycle.scope["extensions"] = offered


def _write_response(cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
    """Write the response to one request; return ``False`` where uvicorn must do it."""
    if (
        not cycle.keep_alive
        or cycle.disconnected
        or cycle.response_started
        or cycle.flow.write_paused
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


def _buffered_body(cycle: RequestResponseCycle) -> bytes | None:
    """Return the whole body of one request, if it has arrived."""
    if cycle.more_body or cycle.disconnected:
        return None
    body, cycle.body = bytes(cycle.body), bytearray()
    return body


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
