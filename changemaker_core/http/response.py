"""Sending: a complete response, a cached one or a stream, with the headers of every response."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from changemaker_core.cache import CompleteResponse
from changemaker_core.cache.responses import http_head
from changemaker_core.http import rendering

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from changemaker_core.cache import CachedResponse
    from changemaker_core.http.errors import Problem
    from changemaker_core.http.request import Request

    Send = Callable[[dict[str, Any]], Awaitable[None]]

Header = tuple[bytes, bytes]

#: The ASGI extension of a server that takes a response whole: ``(head, body) -> bool``. ``head`` is
#: written as by HTTP/1.1, without the server's own headers and the empty line. ``False`` means that
#: the response must be sent as ASGI's messages.
WRITE_RESPONSE = "changemaker.write_response"
#: ASGI's extension Zero Copy Send: the server sends from a file's descriptor.
ZERO_COPY = "http.response.zerocopysend"
_NO_EXTENSIONS: dict[str, Any] = {}
#: Statuses whose responses have no body, and so no length or type of one.
BODILESS = frozenset({100, 101, 204, 304})
#: Characters that end a header; Falcon lets them pass.
_BREAK = re.compile(rb"[\r\n\x00]")
#: Headers that say how the connection or the body goes on.
_OF_CONNECTION = frozenset({b"connection", b"transfer-encoding"})

# No script, style, image or form of another site, and none written into a page.
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "media-src": "'self'",
    "manifest-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
#: The directives to which the operator's origins are added.
_OF_CONTENT = ("img-src", "media-src", "connect-src")
#: The directives to which the origin of ``static_url`` is added.
_OF_STATIC = ("script-src", "style-src", "img-src", "font-src", "connect-src", "manifest-src")
#: Headers of a page, beside its content security policy.
SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (
        b"permissions-policy",
        b"camera=(), geolocation=(self), microphone=(), payment=(), usb=()",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
)
#: What matters for JSON, which no browser shows as a page. PERF: each header costs half a
#: microsecond in the server.
SECURITY_OF_DATA: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_SECURITY_NAMES = frozenset(name for name, _ in (*SECURITY, *SECURITY_OF_DATA))
_DATA = (b"application/json", b"application/problem+json")
HSTS: Header = (b"strict-transport-security", b"max-age=31536000")
#: The default for a response to one visitor, unless its responder says otherwise.
NO_STORE: Header = (b"cache-control", b"no-store")
#: Browsers may store a cached response, and revalidate it each time.
NO_CACHE: Header = (b"cache-control", b"no-cache")


def security_policy(
    origins: Iterable[str] = (),
    changes: Mapping[str, str] | None = None,
    static_url: str | None = None,
) -> str:
    """Return the content security policy of pages.

    ``changes`` replace directives. ``origins``, such as that of an object storage, may be the
    source of images, media and connections, and the origin of ``static_url`` the source of all
    that a static file can be.

    >>> security_policy(["https://files.example.org"], {"style-src": "'none'"})[:59]
    "default-src 'none'; script-src 'self'; style-src 'none'; im"
    """
    directives = {**CONTENT_SECURITY_POLICY, **(changes or {})}
    added = [(name, origin) for origin in origins for name in _OF_CONTENT]
    if static_url is not None:
        parts = urlsplit(static_url)
        added += [(name, f"{parts.scheme}://{parts.netloc}") for name in _OF_STATIC]
    for name, origin in added:
        own = directives[name].split()
        if origin not in own:
            directives[name] = " ".join([*(each for each in own if each != "'none'"), origin])
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


class Sender:
    """Sends the one response to a request."""

    def __init__(self, req: Request, send: Send) -> None:
        self.req = req
        #: As the client sent it; the responder of GET also serves HEAD.
        self.method = req.method
        #: The status that was sent; 0 before.
        self.status = 0
        #: When the head of a streamed response was sent; 0 before.
        self.started = 0.0
        self.raw_send = send

    async def send(self, response: CompleteResponse) -> None:
        """Send a complete response."""
        head = self._head(response.status, response.headers)
        self.status = response.status
        body = b"" if self.method == "HEAD" else response.body
        last = [*_length_of(response), *self._own()]
        await _send_whole(self.req.scope, self.raw_send, head, last, body)

    async def send_cached(self, cached: CachedResponse) -> None:
        """Send a response from the cache."""
        self.status = await send_cached(cached, self.req, self.method, self.raw_send)

    async def send_problem(self, problem: Problem) -> None:
        """Send an error; once a response has begun, raise, so that the connection breaks."""
        if self.status:
            raise ConnectionAbortedError("failed while the response was being sent") from problem
        await self.send(rendering.problem(self.req, problem))

    @property
    def sends_files(self) -> bool:
        """Whether the server sends from a file by itself, without reading it."""
        return ZERO_COPY in self.req.scope.get("extensions", _NO_EXTENSIONS)

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send the head of a streamed response."""
        await self.forward({"type": "http.response.start", "status": status, "headers": headers})
        self.started = perf_counter()

    async def write(self, body: bytes) -> None:
        """Send a part of a streamed response."""
        if body:
            await self.forward({"type": "http.response.body", "body": body, "more_body": True})

    async def write_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a part of an open file, where ``sends_files``."""
        event = {"type": ZERO_COPY, "file": descriptor, "offset": offset, "count": count}
        await self.raw_send({**event, "more_body": True})

    async def end(self) -> None:
        """End a streamed response."""
        await self.raw_send({"type": "http.response.body", "body": b"", "more_body": False})

    async def forward(self, event: dict[str, Any]) -> None:
        """Send one of Falcon's ASGI messages, with our headers, and without a body for HEAD."""
        if event["type"] == "http.response.start":
            head = self._head(event["status"], event["headers"])
            self.status = head.status
            event = {**event, "headers": [*head.headers, *self._own()]}
        elif self.method == "HEAD":
            event = {**event, "body": b""}
        await self.raw_send(event)

    def _head(self, status: int, headers: list[Header]) -> Head:
        if status == 405 or self.method == "OPTIONS":
            headers = [_with_head(each) for each in headers]
        req = self.req
        return _head_of(status, (*headers, *req.cors), req.site.page_policy, req.is_secure)

    def _own(self) -> list[Header]:
        """Headers of this response alone. Their values are ours and need no check."""
        return [*self.req.extra_headers, (b"x-request-id", self.req.id_bytes)]


async def send_cached(cached: CachedResponse, req: Request, method: str, send: Send) -> int:
    """Send a response from the cache, which has its headers already; return its status."""
    head, body = Head(200, cached.headers, cached.head), cached.body
    if is_not_modified(req, cached):
        head, body = Head(304, cached.not_modified, cached.head_not_modified), b""
    elif method == "HEAD":
        body = b""
    await _send_whole(req.scope, send, head, [(b"x-request-id", req.id_bytes)], body)
    return head.status


def is_not_modified(req: Request, cached: CachedResponse) -> bool:
    """Whether the visitor's browser has this response already."""
    tag = req.raw_headers.get(b"if-none-match")
    return tag is not None and cached.matches(tag)


def cacheable(response: CompleteResponse, req: Request, varies: Sequence[str]) -> CompleteResponse:
    """Return ``response`` as it is cached: with all headers that are the same for everyone.

    ``varies`` are the headers of a request that it depends on.
    """
    _refuse_breaks(response.headers)
    seconds = req.cache_seconds
    defaults: tuple[Header, ...] = (NO_STORE,)
    if response.status == 200 and seconds != 0:
        vary = ((b"vary", ", ".join(varies).encode()),) if varies else ()
        defaults = (NO_CACHE, *vary)
    headers = [*response.headers, *_length_of(response)]
    headers = _secured(headers, req.site.page_policy, secure=req.is_secure, defaults=defaults)
    headers += req.cors
    return CompleteResponse(response.status, headers, response.body, response.route, seconds)


class Head(NamedTuple):
    """Status and headers; ``lines`` are both as HTTP/1.1 writes them.

    ``lines`` are ``None`` where a header concerns the connection: the server must see that.
    """

    status: int
    headers: list[Header]
    lines: bytes | None


@lru_cache(maxsize=256)
def _head_of(status: int, own: tuple[Header, ...], policy: bytes, secure: bool) -> Head:
    """Return the responder's ``own`` headers and those of every response.

    Raises ``ValueError`` for a line break. PERF: a site's responses begin in few different ways, so
    that nearly every call is served by the ``lru_cache``.
    """
    _refuse_breaks(own)
    headers = _secured(list(own), policy, secure=secure, defaults=(NO_STORE,))
    if not _OF_CONNECTION.isdisjoint(dict(headers)):
        return Head(status, headers, None)
    return Head(status, headers, http_head(rendering.STATUS_LINES[status].encode(), headers))


def _secured(
    own: list[Header], policy: bytes, *, secure: bool, defaults: Collection[Header]
) -> list[Header]:
    """Return ``own`` headers, then the security headers and ``defaults`` that ``own`` lacks.

    ``policy`` is the content security policy of pages.
    """
    present = dict(own)
    is_data = present.get(b"content-type") in _DATA
    security = SECURITY_OF_DATA if is_data else ((b"content-security-policy", policy), *SECURITY)
    # PERF: most responses have none of these, so that nothing needs to be looked through.
    added: Iterable[Header] = (*security, *defaults)
    if not (_SECURITY_NAMES.isdisjoint(present) and present.keys().isdisjoint(dict(defaults))):
        added = [each for each in added if each[0] not in present]
    return [*own, *added, HSTS] if secure and HSTS[0] not in present else [*own, *added]


async def _send_whole(
    scope: dict[str, Any], send: Send, head: Head, last: list[Header], body: bytes
) -> None:
    """Send a response in one piece where the server can take it so, else in ASGI's two messages."""
    write = scope.get("extensions", _NO_EXTENSIONS).get(WRITE_RESPONSE)
    if write is not None and head.lines is not None:
        lines = b"".join([head.lines, *[b"%s: %s\r\n" % each for each in last]])
        if write(lines, body):
            return
    headers = [*head.headers, *last]
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _length_of(response: CompleteResponse) -> list[Header]:
    """Return the header with the body's length, where it may have one and none is set."""
    if response.status in BODILESS or b"content-length" in dict(response.headers):
        return []
    return [(b"content-length", b"%d" % len(response.body))]


def _with_head(header: Header) -> Header:
    # Falcon does not know that the edge serves HEAD wherever there is GET.
    name, value = header
    if name == b"allow" and b"GET" in value and b"HEAD" not in value:
        return name, value.replace(b"GET", b"GET, HEAD")
    return header


def _refuse_breaks(own: Sequence[Header]) -> None:
    if _BREAK.search(b"".join(chain.from_iterable(own))) is not None:
        names = [name.decode() for name, value in own if _BREAK.search(name + value)]
        raise ValueError(f"the header {names[0]!r} contains a line break")
