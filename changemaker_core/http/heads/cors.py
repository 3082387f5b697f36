"""Cross-origin requests: which pages of other sites may read the API's responses.

As the Fetch standard defines it (https://fetch.spec.whatwg.org/#http-cors-protocol). Without
``cors_origins`` there are no headers at all, and browsers keep responses from other sites' pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core.cache import CompleteResponse
from changemaker_core.http.declarations import API

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_core.http.request import Request

Header = tuple[bytes, bytes]

#: Seconds for which a browser remembers a preflight; Chromium remembers none for longer.
_REMEMBERED: Final = b"7200"
#: Headers that a page may send, beside those that authenticators read.
_REQUEST_HEADERS: Final = frozenset(
    {
        *(b"accept-language", b"authorization", b"content-type", b"idempotency-key"),
        *(b"if-match", b"if-none-match", b"last-event-id", b"range"),
    }
)
#: Headers that a page may read, beside those that the standard names.
_RESPONSE_HEADERS: Final = (
    b"Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, RateLimit,"
    b" RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
)
#: What a response depends on, whether or not the origin may read it.
_VARY: Final[Header] = (b"vary", b"Origin")
_PREFLIGHT_VARY: Final[Header] = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)


class Cors:
    """The origins that a site's configuration names, and the headers for each of them.

    ``credentials`` are those among ``origins`` whose pages may send the visitor's cookies.
    ``request_headers`` are those that the site's authenticators read.
    """

    def __init__(
        self,
        origins: Iterable[str],
        credentials: Iterable[str] = (),
        request_headers: Iterable[bytes] = (),
    ) -> None:
        trusted = frozenset(credentials)
        headers = _REQUEST_HEADERS | {*request_headers} - {b"cookie"}
        self._allowed_headers = b", ".join(sorted(headers))
        self._by_origin: Mapping[bytes, tuple[Header, ...]] = {
            origin.encode(): _of_origin(origin.encode(), with_credentials=origin in trusted)
            for origin in origins
        }

    def headers(self, path: str, origin: bytes | None) -> tuple[Header, ...]:
        """Return the headers of every response to a request for ``path`` from a page of
        ``origin``."""
        if not self._by_origin or not path.startswith(API):
            return ()
        of_origin = self._by_origin.get(origin) if origin is not None else None
        return (_VARY,) if of_origin is None else (*of_origin, _EXPOSED, _VARY)

    def preflight(self, req: Request) -> CompleteResponse | None:
        """Return the response to a browser's question whether a page may send a request.

        ``None`` where the request is another one, or its page may not.
        """
        raw = req.raw_headers
        if req.method != "OPTIONS" or b"access-control-request-method" not in raw:
            return None
        of_origin = self._by_origin.get(raw.get(b"origin", b""))
        if of_origin is None or req.matched is None or not req.path.startswith(API):
            return None
        headers = [
            *of_origin,
            (b"access-control-allow-methods", _methods(req.matched[1])),
            (b"access-control-allow-headers", self._allowed_headers),
            (b"access-control-max-age", _REMEMBERED),
            _PREFLIGHT_VARY,
        ]
        req.cors = ()  # they are those of the response that follows
        return CompleteResponse(204, headers, b"", req.route, None)


_EXPOSED: Final[Header] = (b"access-control-expose-headers", _RESPONSE_HEADERS)


def _of_origin(origin: bytes, *, with_credentials: bool) -> tuple[Header, ...]:
    allowed = (b"access-control-allow-origin", origin)
    if not with_credentials:
        return (allowed,)
    return allowed, (b"access-control-allow-credentials", b"true")


def _methods(responders: Mapping[str, object]) -> bytes:
    """Return the methods of a route; Falcon adds a responder for each that has none."""
    from changemaker_core.http.endpoint.guard import endpoint_of

    own = {name for name, responder in responders.items() if endpoint_of(responder) is not None}
    if "GET" in own:
        own.add("HEAD")
    return ", ".join(sorted(own)).encode()
