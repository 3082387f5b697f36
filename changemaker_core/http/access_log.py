"""The access log: one JSON object a line, passed to the logger in batches.

It holds no personal data: the path is the route's template, and the user an id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import lru_cache

import msgspec

log = logging.getLogger("changemaker.access")

#: Seconds for which lines are buffered, and how many at most: a record of Python's logging costs
#: more than many requests.
BUFFER_SECONDS = 0.2
BUFFER_LINES = 200

_Line = tuple[float, str, str, int, float, bytes, str | None, bool]
_FORMAT = (
    '{"time":%.3f,"method":"%s","route":%s,"status":%d,"ms":%.3f,'
    '"request_id":"%s","user":%s,"cached":%s}'
)


class AccessLog:
    """Buffers lines and passes them to the logger ``changemaker.access`` at level INFO.

    Nothing is buffered where that level is off.
    """

    def __init__(self) -> None:
        self._lines: list[_Line] = []
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
        """Add the line of one request; ``user`` is an id."""
        if not log.isEnabledFor(logging.INFO):
            return
        self._lines.append((time.time(), method, route, status, seconds, request_id, user, cached))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BUFFER_SECONDS, self.flush)
        elif len(self._lines) >= BUFFER_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the buffered lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            log.info("%s", "\n".join(map(_written, lines)))


def _written(line: _Line) -> str:
    # PERF(cached): a third of what an encoder of the whole takes. What could hold a quote is
    # encoded; method and request id cannot.
    at, method, route, status, seconds, request_id, user, cached = line
    return _FORMAT % (
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
