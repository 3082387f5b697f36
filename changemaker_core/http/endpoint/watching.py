"""A cached response may not depend on a header: it is sent to other visitors too.

While the responder of one runs, each header that it reads is noticed. In development that is an
error, which names the author's line; on a site that serves, the response is not cached, and the log
says why.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from changemaker_core.http.falcon_bridge import swap_headers
from changemaker_core.plugin.places import calling_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.http.request import Request

log = logging.getLogger(__name__)

#: Headers that are a part of the cache's key.
_OF_KEY = frozenset({b"host"})


_FIX = "Remove cache=, or do without it; req.locale is the reader's language."


class DependsOnVisitor(TypeError):
    """A cached response depends on something that differs between visitors."""


class Watching:
    """Notices what the responder of one cached response reads: ``with Watching(req, logged): …``.

    ``logged`` are the problems of this site that the log has already.
    """

    __slots__ = ("_headers", "_logged", "_raw_headers", "_req")

    def __init__(self, req: Request, logged: set[str]) -> None:
        self._req = req
        self._logged = logged

    def __enter__(self) -> Watching:
        req = self._req
        self._raw_headers = req.raw_headers
        req.raw_headers = _Headers(self._raw_headers, self)
        self._headers = swap_headers(req, lambda headers: _Headers(headers, self))
        return self

    def __exit__(self, *_: object) -> None:
        self._req.raw_headers = self._raw_headers
        swap_headers(self._req, lambda _: self._headers)

    def noticed(self, what: str, fix: str) -> None:
        """Refuse in development, else keep the response out of the cache."""
        req, place = self._req, calling_place()
        at = f" ({place})" if place else ""
        problem = f"The cached response of {req.route} depends on {what}{at}. {fix}"
        if req.site.config.development:
            raise DependsOnVisitor(problem)
        req.cache_for(0)
        if problem not in self._logged:
            self._logged.add(problem)
            log.warning("%s It is not cached.", problem)


class _Headers(dict[bytes, bytes]):
    """The headers of a request, which report that they are read."""

    __slots__ = ("_watching",)

    def __init__(self, headers: dict[bytes, bytes], watching: Watching) -> None:
        super().__init__(headers)
        self._watching = watching

    def _read(self, name: Any) -> None:
        if name not in _OF_KEY:
            what = f"the header {name.decode()}" if isinstance(name, bytes) else "all headers"
            self._watching.noticed(what, _FIX)

    def __getitem__(self, name: bytes) -> bytes:
        self._read(name)
        return super().__getitem__(name)

    def get(self, name: bytes, default: Any = None) -> Any:
        self._read(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._read(name)
        return super().__contains__(name)

    def __iter__(self) -> Iterator[bytes]:
        self._read(None)
        return super().__iter__()

    def items(self) -> Any:
        self._read(None)
        return super().items()
