"""The access log: one JSON object a line, of which many go to the logger at once.

It holds no address, no query, no name: the path is the route's template, the person an id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from changemaker_core.http.request import Exchange

log = logging.getLogger("changemaker.access")

#: Seconds for which lines are gathered, and how many at most: a record of Python's logging costs
#: more than many a request.
GATHER_SECONDS = 0.2
GATHER_LINES = 200

_Noted = tuple[float, str, str, int, float, bytes, str | None, bool]
_LINE = (
    '{"time":%.3f,"method":"%s","route":%s,"status":%d,"ms":%.3f,'
    '"request_id":"%s","user":%s,"cached":%s}'
)


class AccessLog:
    """Gathers lines and hands them to the logger ``changemaker.access``, level INFO.

    Where that is switched off, nothing is gathered.
    """

    def __init__(self) -> None:
        self._lines: list[_Noted] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self,
        method: str,
        route: str,
        status: int,
        seconds: float,
        request_id: bytes,
        user: str | None = None,
        cached: bool = False,
    ) -> None:
        """Note one request."""
        if not log.isEnabledFor(logging.INFO):
            return
        self._lines.append((time.time(), method, route, status, seconds, request_id, user, cached))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GATHER_SECONDS, self.flush)
        elif len(self._lines) >= GATHER_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            log.info("%s", "\n".join(map(_written, lines)))


def user_of(exchange: Exchange) -> str | None:
    """Who asked, as the log may know them: an id."""
    return exchange.actor.id if exchange.actor is not None else None


def _written(line: _Noted) -> str:
    # PERF(cached): a third of what an encoder of the whole takes. What could hold a quote is
    # encoded; method and request id cannot.
    at, method, route, status, seconds, request_id, user, cached = line
    return _LINE % (
        at,
        method,
        _quoted(route),
        status,
        seconds * 1000,
        request_id.decode(),
        "null" if user is None else _quoted(user),
        "true" if cached else "false",
    )


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
