"""One answer on its way out, and one body on its way in."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from changemaker_core.cache import CompleteResponse
from changemaker_core.cache.responses import http_head
from changemaker_core.http import answers
from changemaker_core.http.errors import BadRequest, TooLarge
from changemaker_core.http.headers import ASK_EACH_TIME, NOT_KEPT, VARY, secured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from changemaker_core.cache import CachedResponse
    from changemaker_core.http.answers import Answer
    from changemaker_core.http.arrivals import Arrival
    from changemaker_core.http.errors import Problem
    from changemaker_core.http.headers import Header
    from changemaker_core.http.request import Exchange

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Characters that end a header; Falcon lets them pass.
_BREAK = re.compile(rb"[\r\n\x00]")
#: The extension of ASGI that a server offers in ``scope["extensions"]`` where it takes an answer as
#: a whole: ``(head, body) -> bool``. ``head`` is written as by HTTP/1.1, and lacks only what the
#: server adds itself and the empty line. It is false where the answer must take the ordinary way.
AT_ONCE = "changemaker.at_once"
#: The extension of a server that knows whether a body has arrived already: ``() -> bytes | None``,
#: the whole body, or ``None`` where the rest must be waited for. It may be asked once.
AT_HAND = "changemaker.at_hand"
_NO_EXTENSIONS: dict[str, Any] = {}
#: Statuses whose answers have no body, and so no length or type of one.
BODILESS = frozenset({100, 101, 204, 304})
#: Headers that say how the connection or the body goes on.
_NOT_WHOLE = frozenset({b"connection", b"transfer-encoding"})


def bounded(receive: Receive, sent: dict[bytes, bytes], exchange: Exchange) -> Receive:
    """``receive`` that refuses a body over the limit, whether it says its length or not.

    Raises ``TooLarge``, at once where the length is declared.
    """
    declared = sent.get(b"content-length", b"0")
    if not declared.isdigit():
        raise BadRequest
    if int(declared) > exchange.body_limit:
        raise _too_large()
    received = 0

    async def limited() -> dict[str, Any]:
        nonlocal received
        event = await receive()
        if event["type"] == "http.request":
            received += len(event.get("body", b""))
            if received > exchange.body_limit:
                raise _too_large()
        else:
            exchange.disconnected = True
        return event

    return limited


def body_at_hand(scope: dict[str, Any], exchange: Exchange) -> bytes | None:
    """The whole body, where it has arrived already and the server tells so; else ``None``.

    Raises ``TooLarge``. PERF: most bodies come with their head, and need no timer and no stream.
    """
    at_hand = scope.get("extensions", _NO_EXTENSIONS).get(AT_HAND)
    body: bytes | None = None if at_hand is None else at_hand()
    if body is not None and len(body) > exchange.body_limit:
        raise _too_large()
    return body


def _too_large() -> TooLarge:
    # What is still on its way is not read: the connection cannot be used again.
    return TooLarge(headers=[("connection", "close")])


class Transit:
    """Sends the one answer to a request, with the headers that every answer has."""

    def __init__(self, scope: dict[str, Any], send: Send, exchange: Exchange) -> None:
        self.exchange = exchange
        self.method: str = scope["method"]
        self.scope = scope
        #: The status that was sent; 0 while nothing was.
        self.status = 0
        self.raw_send = send

    @property
    def secure(self) -> bool:
        """Whether the visitor's connection is encrypted."""
        return self.scope.get("scheme") == "https"

    async def forward(self, event: dict[str, Any]) -> None:
        """Falcon's ``send``: headers are added, and HEAD gets no body."""
        if event["type"] == "http.response.start":
            head = self._head(event["status"], event["headers"])
            self.status = head.status
            event = {**event, "headers": [*head.headers, *self._own()]}
        elif self.method == "HEAD":
            event = {**event, "body": b""}
        await self.raw_send(event)

    async def send_problem(self, problem: Problem) -> None:
        """Answer with an error, unless an answer has begun: then the connection must break."""
        if self.status:
            raise ConnectionAbortedError("the answer failed while it was being sent") from problem
        accept = dict(self.scope["headers"]).get(b"accept", b"").decode("latin-1")
        html = answers.wants_html(accept, self.scope["path"])
        root_path = self.scope["root_path"]
        await self.send_answer(
            answers.problem(self.exchange, problem, html=html, root_path=root_path)
        )

    async def send_answer(self, answer: Answer) -> None:
        """Send a whole answer that no responder has a part in."""
        listed = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        await self.send_reply(CompleteResponse(answer.status, listed, answer.body))

    async def send_reply(self, reply: CompleteResponse) -> None:
        """Send a whole answer."""
        head = self._head(reply.status, reply.headers)
        self.status = reply.status
        body = b"" if self.method == "HEAD" else reply.body
        ends = [*sized(reply), *self._own()]
        await send_whole(self.scope, self.raw_send, head, ends, body)

    def _head(self, status: int, headers: list[Header]) -> Head:
        if status == 405 or self.method == "OPTIONS":
            headers = [_with_head(each) for each in headers]
        return head_of(status, tuple(headers), self.secure)

    def _own(self) -> list[Header]:
        """Headers of this answer alone. We made them, or looked at what they hold."""
        return [*self.exchange.headers, (b"x-request-id", self.exchange.request_id.encode())]


class Head(NamedTuple):
    """What answers of one kind begin with; ``lines`` are status and headers as HTTP/1.1 has them.

    ``lines`` are ``None`` where the headers say how the connection goes on: that is the server's.
    """

    status: int
    headers: list[Header]
    lines: bytes | None


@lru_cache(maxsize=256)
def head_of(status: int, own: tuple[Header, ...], secure: bool) -> Head:
    """The responder's ``own`` headers and those of every answer. Raises ``ValueError`` for a break.

    PERF: a site's answers begin in few different ways, so that this is nearly always known.
    """
    _refuse_breaks(own)
    headers = secured(list(own), secure=secure, defaults=(NOT_KEPT,))
    whole = _NOT_WHOLE.isdisjoint(dict(headers))
    return Head(
        status,
        headers,
        http_head(answers.STATUS_LINES[status].encode(), headers) if whole else None,
    )


async def send_whole(
    scope: dict[str, Any], send: Send, head: Head, ends: list[Header], body: bytes
) -> None:
    """Send an answer at once, where the server can take it so, or else in ASGI's two messages."""
    at_once = scope.get("extensions", _NO_EXTENSIONS).get(AT_ONCE)
    if at_once is not None and head.lines is not None:
        lines = b"".join([head.lines, *[b"%s: %s\r\n" % each for each in ends]])
        if at_once(lines, body):
            return
    headers = [*head.headers, *ends]
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_entry(entry: CachedResponse, arrival: Arrival, send: Send) -> int:
    """Send what is kept, which has its headers already; the answer's status."""
    head, body = Head(200, entry.headers, entry.head), entry.body
    if arrival.knows(entry):
        head, body = Head(304, entry.not_modified, entry.head_not_modified), b""
    elif arrival.scope["method"] == "HEAD":
        body = b""
    await send_whole(arrival.scope, send, head, [(b"x-request-id", arrival.request_id)], body)
    return head.status


def sized(reply: CompleteResponse) -> list[Header]:
    """How long the answer is, where it may have a body and does not say so itself."""
    if reply.status in BODILESS or b"content-length" in dict(reply.headers):
        return []
    return [(b"content-length", b"%d" % len(reply.body))]


def shareable(reply: CompleteResponse, *, secure: bool) -> CompleteResponse:
    """``reply`` as it may be kept: with all headers but those of its visitor."""
    _refuse_breaks(reply.headers)
    defaults = (ASK_EACH_TIME, VARY) if reply.status == 200 else (NOT_KEPT,)
    own = secured([*reply.headers, *sized(reply)], secure=secure, defaults=defaults)
    return CompleteResponse(reply.status, own, reply.body, reply.route)


def _with_head(header: Header) -> Header:
    # Falcon does not know that the edge answers HEAD wherever there is GET.
    name, value = header
    if name == b"allow" and b"GET" in value and b"HEAD" not in value:
        return name, value.replace(b"GET", b"GET, HEAD")
    return header


def _refuse_breaks(own: Sequence[Header]) -> None:
    if _BREAK.search(b"".join(chain.from_iterable(own))) is not None:
        names = [name.decode() for name, value in own if _BREAK.search(name + value)]
        raise ValueError(f"a line would end before its end in the header {names[0]!r}")
