"""The requests of a connection: from the cache at once, by the application in a task."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools

from changemaker_core.http.request import BUFFERED_BODY
from changemaker_core.http.response import WRITE_RESPONSE
from changemaker_core.server.uvicorn_bridge.closing import DISCARD_BYTES, LINGER_SECONDS
from changemaker_core.server.uvicorn_bridge.connection import BAD_REQUEST, MAX_AHEAD, Connection
from changemaker_core.server.uvicorn_bridge.cycle import (
    Cycle,
    GentleTransport,
    buffered_body,
    joined,
    write_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    FindCached = Callable[[dict[str, Any]], tuple[bytes, bytes] | None]

log = logging.getLogger(__name__)

_NO_CODING = "501 Not Implemented"
#: Headers of a request that has a body, or needs more than a response.
_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class HttpProtocol(Connection):
    """Serves the requests of a connection: at once where the response is cached.

    Where ``app.cached_response(scope)`` returns none for a plain GET, the application runs in a
    task, as in uvicorn alone, and may pass its response as a whole (``WRITE_RESPONSE``). Everything
    that is not plain goes uvicorn's own way: a request behind another that is not finished, a body,
    a connection that is about to close, a client that does not read.
    """

    cycle: Cycle

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._find_cached: FindCached | None = getattr(self.config.app, "cached_response", None)
        #: Whether the current request was responded to from the cache.
        self._from_cache = False
        #: Bytes of the current body that were read past since the response.
        self._discarded = 0

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
            self._turns.add(self._take_turn)
        else:
            self.flow.resume_reading()
            self._set_idle()

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
            transport=GentleTransport(self),
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
            self._refuse(BAD_REQUEST)
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
            self.cycle.add(body)
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
        except Exception:  # the application reports a database that is down
            log.exception("the cache could not be read")
            return False
        if found is None:
            return False
        head, body = found
        self.transport.write(joined(head, self.server_state.default_headers, body))
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
            WRITE_RESPONSE: functools.partial(write_response, cycle),
            BUFFERED_BODY: functools.partial(buffered_body, cycle),
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
