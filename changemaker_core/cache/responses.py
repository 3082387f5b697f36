"""A complete response as bytes, and the form in which it is cached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from changemaker_core.cache import etags
from changemaker_core.db.tracking import channels_to_listen

Headers = list[tuple[bytes, bytes]]

#: What one cached response costs beside its body and headers: objects, dictionary slots.
OVERHEAD = 1_000


@dataclass(frozen=True, slots=True)
class CompleteResponse:
    """A whole response in memory: status, lower-case headers, body.

    What a responder fills is Falcon's ``Response``; this is what becomes of it, or of an error or
    a redirect, before it is sent or cached. ``route`` is the path template it is counted under;
    ``seconds`` is for how long it may be cached at most, ``None`` as long as its endpoint says.
    """

    status: int
    headers: Headers
    body: bytes
    route: str = ""
    seconds: float | None = None

    @property
    def is_shareable(self) -> bool:
        """Whether it can be sent to any visitor: a 200 that sets no cookie and is not
        ``no-store``."""
        return (
            self.status == 200
            and self.seconds != 0
            and not any(
                name == b"set-cookie" or (name == b"cache-control" and b"no-store" in value)
                for name, value in self.headers
            )
        )


class CachedResponse:
    """A response in the cache, with the bytes that are sent for it built once.

    ``tags`` are the tables and rows that it was read from, ``channels`` where their changes are
    published; it is valid until ``expires`` on the cache's clock. A value is made anew in the
    background once ``fresh_until`` is over. ``is_current`` is whether nothing changed while it was
    made.
    """

    __slots__ = (
        "body",
        "channels",
        "etag",
        "expires",
        "fresh_until",
        "head",
        "head_not_modified",
        "headers",
        "is_current",
        "not_modified",
        "route",
        "size",
        "tags",
    )

    def __init__(self, response: CompleteResponse, tags: frozenset[str], expires: float) -> None:
        etag = dict(response.headers).get(b"etag")
        self.etag = etag or _etag(response.body)
        self.headers = response.headers if etag else [*response.headers, (b"etag", self.etag)]
        self.not_modified = _without_content(self.headers)
        self.head = http_head(b"200 OK", self.headers)
        self.head_not_modified = http_head(b"304 Not Modified", self.not_modified)
        self.body = response.body
        self.route = response.route
        self.tags = tags
        self.channels = channels_to_listen(tags)
        self.expires = self.fresh_until = expires
        self.is_current = True
        self.size = OVERHEAD + len(self.body) + sum(len(k) + len(v) for k, v in self.headers)

    def matches(self, if_none_match: bytes) -> bool:
        """Whether an ``If-None-Match`` header names this response (weak comparison, RFC 9110)."""
        if if_none_match == self.etag:
            return True
        return etags.names(if_none_match.decode("latin-1"), self.etag.decode("latin-1"))


def http_head(status: bytes, headers: Headers) -> bytes:
    """Status line and headers as HTTP/1.1 writes them, without the empty line at their end.

    Raises ``ValueError`` for a name or value that would begin another header.
    """
    lines = [b"HTTP/1.1 " + status, *(name + b": " + value for name, value in headers)]
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines):
        raise ValueError("a header holds a line break")
    return b"\r\n".join(lines) + b"\r\n"


def _etag(body: bytes) -> bytes:
    return b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def _without_content(headers: Headers) -> Headers:
    # A 304 has no content (RFC 9110, 15.4.5); the browser keeps the headers that it has stored.
    return [
        (name, value)
        for name, value in headers
        if name == b"content-location" or not name.startswith(b"content-")
    ]
