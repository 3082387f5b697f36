"""What the edge finds out about a request before anything answers it."""

from __future__ import annotations

import itertools
import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from changemaker_core.web.languages import COOKIE

if TYPE_CHECKING:
    from changemaker_core.cache import CachedResponse
    from changemaker_core.web import Translations

#: Headers, beside cookies, that say who is asking.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"signature"})
#: The longest headers, or addresses, that are remembered: a stranger chooses them, and could fill
#: the memory with thousands that no limit of their number would keep small.
REMEMBERED_BYTES = 1_000
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Ids that no other process gives: random once, then counted. They are not secret."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6).encode()
        self._count = itertools.count(1)

    def new(self) -> bytes:
        """The next id: letters, digits and a dash."""
        return b"%s-%x" % (self._prefix, next(self._count))

    @staticmethod
    def accept(sent: bytes | None) -> bytes | None:
        """An id that a trusted proxy gave, if it can do no harm in a header or a log."""
        return sent if sent is not None and _SANE_ID.fullmatch(sent) else None


class Visitor(NamedTuple):
    """``locale`` to answer in; ``known`` where a cookie may say who is asking."""

    locale: str
    known: bool


class Visitors:
    """Reads language and cookies; the few combinations that come again and again are kept."""

    def __init__(self, translations: Translations) -> None:
        self._translations = translations
        self.remembered = lru_cache(maxsize=4096)(self._read)

    def of(self, accept_language: bytes | None, cookie: bytes | None) -> Visitor:
        """What the two headers say."""
        if len(accept_language or b"") + len(cookie or b"") > REMEMBERED_BYTES:
            return self._read(accept_language, cookie)
        return self.remembered(accept_language, cookie)

    def _read(self, accept_language: bytes | None, cookie: bytes | None) -> Visitor:
        chosen, known = _cookies(cookie)
        accept = None if accept_language is None else accept_language.decode("latin-1")
        return Visitor(self._translations.negotiate(accept, chosen), known)


def _cookies(header: bytes | None) -> tuple[str | None, bool]:
    """The chosen language, and whether there is any other cookie."""
    if header is None:
        return None, False
    pairs = [pair.strip().partition("=") for pair in header.decode("latin-1").split(";")]
    chosen = next((value for name, _, value in pairs if name == COOKIE), None)
    return chosen, any(name not in (COOKIE, "") for name, _, _ in pairs)


@dataclass(slots=True)
class Arrival:
    """A request as it reached the edge. ``sent`` are its headers, of doubled ones the last."""

    scope: dict[str, Any]
    sent: dict[bytes, bytes]
    #: The path below ``prefix``, which is where the site is mounted.
    path: str
    prefix: str
    client_ip: str
    locale: str
    #: Whether anything in it may say who is asking.
    known: bool
    request_id: bytes
    #: Under which its answer may be kept; ``None`` where it is this visitor's alone.
    key: tuple[Any, ...] | None

    def knows(self, entry: CachedResponse) -> bool:
        """Whether the visitor says that they have this answer already."""
        tag = self.sent.get(b"if-none-match")
        return tag is not None and entry.matches(tag)


def inner_path(scope: dict[str, Any]) -> tuple[str, str]:
    """The mount prefix, and the path below it.

    Servers and frameworks differ in whether ``path`` still has the prefix; both are understood.
    """
    path: str = scope["path"] or "/"
    prefix: str = scope.get("root_path", "")
    if not prefix:
        return "", path
    prefix = prefix.rstrip("/")
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :] or "/"
    return prefix, path


def tidy_path(path: str) -> str:
    """``path`` without doubled slashes and without one at its end.

    >>> tidy_path("//campaigns///parks/")
    '/campaigns/parks'
    """
    return "/" + "/".join(part for part in path.split("/") if part)
