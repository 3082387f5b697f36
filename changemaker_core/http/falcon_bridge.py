"""Calls a responder without Falcon's own ASGI loop: the only file that uses Falcon's insides.

``falcon.asgi.App.__call__`` has steps for middleware, sinks and ASGI's messages, none of which the
edge needs: a request costs a fifth less without them. Beside the order of its steps, these private
names are used:

- ``Response._asgi_headers(media_type)``: headers and cookies as ASGI's pairs of bytes;
- ``Request._asgi_headers``: the headers that all of Falcon's properties read;
- ``Response._registered_callbacks``: callbacks to run after the response was sent;
- ``Response.__slots__`` and ``__dict__``: the state that a responder filled, copied into Falcon's
  own object where Falcon sends a stream.

Where ``concern()`` is not ``None``, ``FalconApp`` uses Falcon's documented interface instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from changemaker_core.cache import CompleteResponse
from changemaker_core.http.errors import BadRequest, NotFound
from changemaker_core.http.request import SCOPE_KEY, Response
from changemaker_core.http.response import BODILESS
from changemaker_core.plugin.distributions import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcon.asgi import App as FalconApp

    from changemaker_core.http.request import Receive, Request, Send

    App = FalconApp[Request, Response]

#: The versions that the bridge is tested with, the same as in pyproject.
TESTED = ">=4.2,<5"
_PRIVATE = ("_asgi_headers", "_registered_callbacks", "__slots__")
#: Attributes of a response, beside those in its ``__dict__``.
_FILLED = tuple(name for name in getattr(Response, "__slots__", ()) if name != "__dict__")


def concern() -> str | None:
    """Return why the bridge is not used, for ``doctor``; ``None`` where it is."""
    return unsupported("falcon", TESTED, Response, _PRIVATE)


def _is_in(version: str, tested: str) -> bool:
    try:
        return SpecifierSet(tested).contains(version, prereleases=True)
    except InvalidVersion:
        return False


def unsupported(
    distribution: str, tested: str, holder: Any = None, names: Sequence[str] = ()
) -> str | None:
    """Return why a bridge to ``distribution`` cannot be used; ``None`` where it can.

    ``holder`` is the class whose undocumented ``names`` it uses.
    """
    version = version_of(distribution) or "of no known version"
    missing = [name for name in names if not hasattr(holder, name)]
    if not missing and _is_in(version, tested):
        return None
    lacks = f" and lacks {', '.join(missing)}" if missing else ""
    return (
        f"{distribution} {version}{lacks} is not one of the tested versions ({tested}):"
        " only its documented interface is used, which is slower."
    )


def swap_headers(
    req: Request, swap: Callable[[dict[bytes, bytes]], dict[bytes, bytes]]
) -> dict[bytes, bytes]:
    """Put ``swap(headers)`` in place of the headers of ``req`` as Falcon reads them.

    Returns what was there. Does nothing where Falcon keeps them elsewhere.
    """
    headers: dict[bytes, bytes] = getattr(req, "_asgi_headers", {})
    if hasattr(req, "_asgi_headers"):
        req._asgi_headers = swap(headers)
    return headers


async def respond(app: App, req: Request, forward: Send) -> CompleteResponse | None:
    """Call the responder of ``req.matched``, as ``FalconApp.respond`` says."""
    if req.matched is None:
        raise NotFound
    _, responders, params, template = req.matched
    responder = responders.get(req.method)
    if responder is None:
        raise BadRequest
    req.open(app.req_options)
    req.uri_template = template
    resp = Response(options=app.resp_options)
    try:
        await responder(req, resp, **params)
    except falcon.HTTPStatus as status:
        resp.status, resp.text = status.status, status.text
        resp.set_headers(status.headers or {})
    if resp.stream or resp.sse or resp._registered_callbacks:
        await _send_stream(app, req, resp, forward)
        return None
    status_code = resp.status_code
    if status_code in BODILESS:
        return CompleteResponse(status_code, resp._asgi_headers(), b"", req.route)
    body = resp.data if resp.text is None else None
    if body is None:
        body = await resp.render_body() or b""
    if req.method != "HEAD":
        # Only a responder of HEAD, which makes no body, knows better how long it would be.
        resp.delete_header("Content-Length")
    headers = resp._asgi_headers(resp.options.default_media_type)
    return CompleteResponse(status_code, headers, body, req.route)


async def _send_stream(app: App, req: Request, filled: Response, forward: Send) -> None:
    """Have Falcon send a response that is a stream, or has callbacks."""

    async def take_over(_: Request, resp: Response) -> None:
        for name in _FILLED:
            setattr(resp, name, getattr(filled, name))
        resp.__dict__.update(filled.__dict__)

    req.matched = (filled, {req.method: take_over}, {}, req.route)
    await app({**req.scope, SCOPE_KEY: req}, _without_body(req.receive), forward)


def _without_body(receive: Receive) -> Receive:
    """Return a ``receive`` for Falcon, which begins with the body: the responder has read that.

    Another event may come only when the client goes away; waiting for it would hold the stream.
    """
    first_sent = False

    async def events() -> dict[str, Any]:
        nonlocal first_sent
        if first_sent:
            return await receive()
        first_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return events
