"""An answer as bytes, and the form in which it is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from changemaker_core.db.tracking.tags import channels_of

Headers = list[tuple[bytes, bytes]]

#: What one entry costs beside its body and headers: objects, dictionary slots.
OVERHEAD = 1_000
#: Headers that a 304 repeats (RFC 9110, 15.4.5).
_OF_NOT_MODIFIED = frozenset(
    {b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary"}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, lower-case headers, body.

    ``route`` is the path template of the route that made it, under which it is counted.
    """

    status: int
    headers: Headers
    body: bytes
    route: str = ""

    @property
    def for_everybody(self) -> bool:
        """Whether others may get the same answer: all is well, it sets nobody's cookie, and does
        not say itself that it is not to be stored."""
        return self.status == 200 and not any(
            name == b"set-cookie" or (name == b"cache-control" and b"no-store" in value)
            for name, value in self.headers
        )


class Entry:
    """An answer that is kept: what is sent for it, built once.

    ``tags`` say what it was read from, and ``channels`` where changes of that are told; it is good
    until ``expires`` on the cache's clock.
    """

    __slots__ = (
        "body",
        "channels",
        "etag",
        "expires",
        "head",
        "head_not_modified",
        "headers",
        "not_modified",
        "route",
        "size",
        "tags",
    )

    def __init__(self, reply: Reply, tags: frozenset[str], expires: float) -> None:
        etag = dict(reply.headers).get(b"etag")
        self.etag = etag or _etag(reply.body)
        self.headers = reply.headers if etag else [*reply.headers, (b"etag", self.etag)]
        self.not_modified = _without_content(self.headers)
        self.head = http_head(b"200 OK", self.headers)
        self.head_not_modified = http_head(b"304 Not Modified", self.not_modified)
        self.body = reply.body
        self.route = reply.route
        self.tags = tags
        self.channels = channels_of(tags)
        self.expires = expires
        self.size = OVERHEAD + len(self.body) + sum(len(k) + len(v) for k, v in self.headers)

    def is_known_by(self, if_none_match: bytes) -> bool:
        """Whether the client already has this answer (weak comparison, as RFC 9110 asks)."""
        if if_none_match == self.etag:
            return True
        listed = [each.strip() for each in if_none_match.split(b",")]
        own = self.etag.removeprefix(b"W/")
        return listed == [b"*"] or any(each.removeprefix(b"W/") == own for each in listed)


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
    # Headers that speak of the connection or its safety stay; those of the content go.
    return [
        (name, value)
        for name, value in headers
        if name in _OF_NOT_MODIFIED or not name.startswith(b"content-")
    ]
