"""uvicorn's HTTP protocol, which takes answers whole, and asks for a ready one first."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from changemaker_core.http.request import BUFFERED_BODY
from changemaker_core.http.response import WRITE_RESPONSE
from changemaker_core.server.bounded import BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    Headers = list[tuple[bytes, bytes]]
    Ready = Callable[[dict[str, Any]], tuple[bytes, bytes] | None]

log = logging.getLogger(__name__)

#: Headers of a request that has a body, or asks for more than an answer.
_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class ReadyProtocol(BoundedProtocol):
    """Writes what ``app.cached_response(scope)`` returns, without a task or a message.

    What is not ready, the application makes in a task, as with uvicorn alone, and may hand over as
    a whole (``WRITE_RESPONSE``) instead of in messages whose every header is looked at once more.

    Everything else, and whatever is not plain about a request, goes uvicorn's own way: another
    request of the connection still being answered, a body, a connection that is to be closed, a
    client that does not read.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ready: Ready | None = getattr(self.config.app, "cached_response", None)
        self._answered = False

    def on_message_begin(self) -> None:
        self._answered = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._ready is None or not self._is_plain():
            super().on_headers_complete()
            self._offer(self.cycle)
            return
        self.head_arrived()
        self._complete_scope()
        if not self._answer(self._ready):
            self._make()

    def on_body(self, body: bytes) -> None:
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._answered:
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

    def _answer(self, ready: Ready) -> bool:
        """Write the answer, if there is one ready."""
        try:
            found = ready(self.scope)  # type: ignore[arg-type]  # a TypedDict is a dict at run time
        except Exception:  # a database that is away, say: the ordinary way can tell the client
            log.exception("a kept answer could not be looked up")
            return False
        if found is None:
            return False
        head, body = found
        self.transport.write(_joined(head, self.server_state.default_headers, body))
        self._answered = True
        self.server_state.total_requests += 1
        self.rest()
        return True

    def _make(self) -> None:
        """Have the application answer: what uvicorn does, of a request of which all is known.

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
        self._offer(self.cycle)
        task = self.loop.create_task(self.cycle.run_asgi(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _offer(self, cycle: RequestResponseCycle) -> None:
        """Say in the scope what the application may use beside ASGI."""
        offered: Any = {
            WRITE_RESPONSE: functools.partial(_write, cycle),
            BUFFERED_BODY: functools.partial(_body, cycle),
        }
        cycle.scope["extensions"] = offered

    def _complete_scope(self) -> None:
        """What the request line says, as uvicorn puts it into the scope."""
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["method"] = "GET"
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""


def _write(cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
    """Write the answer to one request; ``False`` where uvicorn has more to look after."""
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
    """An answer as it is written, with the headers that the server adds."""
    return b"".join((head, *[b"%s: %s\r\n" % pair for pair in added], b"\r\n", body))


def _body(cycle: RequestResponseCycle) -> bytes | None:
    """The whole body of one request, if it is there."""
    if cycle.more_body or cycle.disconnected:
        return None
    body, cycle.body = bytes(cycle.body), bytearray()
    return body
