"""Runs the responder of a route. What it answers comes back whole, for whoever sends or keeps it.

This is what Falcon's own ``App.__call__`` does, without the steps that serve middleware, sinks and
ASGI's messages, none of which the edge has. Falcon still sends what is not whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon

from changemaker_core.cache import CompleteResponse
from changemaker_core.http.errors import BadRequest, NotFound
from changemaker_core.http.request import Request, Response
from changemaker_core.http.transit import BODILESS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core.http.request import Exchange
    from changemaker_core.http.routing import FalconApp

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

#: What a response is filled with, beside what stands in its ``__dict__``.
_FILLED = tuple(name for name in Response.__slots__ if name != "__dict__")


async def respond(app: FalconApp, exchange: Exchange, scope: Scope, receive: Receive) -> Response:
    """The response as the route's responder filled it; raises whatever the responder raises."""
    if exchange.found is None:
        raise NotFound
    _, responders, params, template = exchange.found
    responder = responders.get(scope["method"])
    if responder is None:
        raise BadRequest
    req = Request(scope, receive, options=app.req_options)
    req.uri_template = template
    resp = Response(options=app.resp_options)
    try:
        await responder(req, resp, **params)
    except falcon.HTTPStatus as status:
        resp.status, resp.text = status.status, status.text
        resp.set_headers(status.headers or {})
    return resp


def is_whole(resp: Response) -> bool:
    """Whether all of the answer is there, and nothing is to be done after it."""
    return not (resp.stream or resp.sse or resp._registered_callbacks)


async def reply_of(resp: Response, route: str, method: str) -> CompleteResponse:
    """The whole answer, with the headers that its responder gave it."""
    status = resp.status_code
    if status in BODILESS:
        return CompleteResponse(status, resp._asgi_headers(), b"", route)
    body = resp.data if resp.text is None else None
    if body is None:
        body = await resp.render_body() or b""
    if method != "HEAD":
        # Only who answers HEAD without a body knows better than the body how long it is.
        resp.delete_header("Content-Length")
    headers = resp._asgi_headers(resp.options.default_media_type)
    return CompleteResponse(status, headers, body, route)


async def stream(
    app: FalconApp, filled: Response, exchange: Exchange, scope: Scope, receive: Receive, send: Send
) -> None:
    """Have Falcon send a response that is not whole: a stream, or server-sent events."""

    async def take_over(req: Request, resp: Response) -> None:
        for name in _FILLED:
            setattr(resp, name, getattr(filled, name))
        resp.__dict__.update(filled.__dict__)

    exchange.found = (filled, {scope["method"]: take_over}, {}, exchange.route)
    await app(scope, _without_body(receive), send)


def _without_body(receive: Receive) -> Receive:
    """``receive`` for Falcon, which begins with the body: that was for the responder to read.

    Another event may come only when the client goes away, and then nobody would close the stream.
    """
    asked = False

    async def events() -> dict[str, Any]:
        nonlocal asked
        if asked:
            return await receive()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return events
