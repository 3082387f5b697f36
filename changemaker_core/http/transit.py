"""One answer on its way out, and one body on its way in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from changemaker_core.cache import Reply
from changemaker_core.http import answers
from changemaker_core.http.errors import BadRequest, TooLarge
from changemaker_core.http.headers import ASK_EACH_TIME, NOT_KEPT, VARY, secured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core.http.answers import Answer
    from changemaker_core.http.errors import Problem
    from changemaker_core.http.headers import Header
    from changemaker_core.http.request import Exchange

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Characters that end a header's value; Falcon and servers let them pass.
_BREAK = re.compile(rb"[\r\n\x00]")


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


def _too_large() -> TooLarge:
    # What is still on its way is not read: the connection cannot be used again.
    return TooLarge(headers=[("connection", "close")])


class Transit:
    """Sends the one answer to a request, with the headers that every answer has."""

    def __init__(self, scope: dict[str, Any], send: Send, exchange: Exchange) -> None:
        self.exchange = exchange
        self.method: str = scope["method"]
        self.raw_send = send
        #: The status that was sent; 0 while nothing was.
        self.status = 0
        self.scope = scope

    @property
    def secure(self) -> bool:
        """Whether the visitor's connection is encrypted."""
        return self.scope.get("scheme") == "https"

    async def forward(self, event: dict[str, Any]) -> None:
        """Falcon's ``send``: headers are added, and HEAD gets no body."""
        if event["type"] == "http.response.start":
            event = self._started(event)
        elif self.method == "HEAD":
            event = {**event, "body": b""}
        await self.raw_send(event)

    def capture(self) -> Captured:
        """A ``send`` that keeps the answer instead."""
        return Captured(self.exchange.route, secure=self.secure)

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
        """Send a whole answer that Falcon has no part in."""
        listed = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        listed.append((b"content-length", b"%d" % len(answer.body)))
        await self.forward(
            {"type": "http.response.start", "status": answer.status, "headers": listed}
        )
        await self.forward({"type": "http.response.body", "body": answer.body})

    async def send_reply(self, reply: Reply) -> None:
        """Send what was captured and is not kept."""
        await self.forward(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )
        await self.forward({"type": "http.response.body", "body": reply.body})

    def _started(self, event: dict[str, Any]) -> dict[str, Any]:
        self.status = event["status"]
        own = [*event["headers"], *self.exchange.headers]
        if self.status == 405 or self.method == "OPTIONS":
            own = [_with_head(each) for each in own]
        _refuse_breaks(own)
        own.append((b"x-request-id", self.exchange.request_id.encode()))
        return {**event, "headers": secured(own, secure=self.secure, defaults=(NOT_KEPT,))}


class Captured:
    """An answer kept as bytes. It gets no header of its visitor's: others may get it, too."""

    def __init__(self, route: str, *, secure: bool) -> None:
        self._route = route
        self._secure = secure
        self._status = 500
        self._headers: list[Header] = []
        self._body: list[bytes] = []

    async def forward(self, event: dict[str, Any]) -> None:
        """Falcon's ``send``."""
        if event["type"] == "http.response.start":
            self._status = event["status"]
            self._headers = list(event["headers"])
        else:
            self._body.append(event.get("body", b""))

    def reply(self) -> Reply:
        """The whole answer."""
        _refuse_breaks(self._headers)
        defaults = (ASK_EACH_TIME, VARY) if self._status == 200 else (NOT_KEPT,)
        own = secured(self._headers, secure=self._secure, defaults=defaults)
        return Reply(self._status, own, b"".join(self._body), self._route)


def _with_head(header: Header) -> Header:
    # Falcon does not know that the edge answers HEAD wherever there is GET.
    name, value = header
    if name == b"allow" and b"GET" in value and b"HEAD" not in value:
        return name, value.replace(b"GET", b"GET, HEAD")
    return header


def _refuse_breaks(own: list[Header]) -> None:
    if _BREAK.search(b"".join([value for _, value in own])) is not None:
        names = [name.decode() for name, value in own if _BREAK.search(value)]
        raise ValueError(f"a value would end before its end in the header {names[0]}")
