"""The access log: a line for each request, passed to the logger in batches.

A line holds no secret and no email address. The path is without its query; where a route's
parameter may be a token, its name stands in the path, and so does ``…`` for what looks like one in
a path without a route. The client is shortened to its network, unless configured otherwise.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from changemaker_core.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core.config import Config

log = logging.getLogger("changemaker.access")

#: Seconds for which lines are buffered, and how many at most: a record of Python's logging costs
#: more than many requests.
BUFFER_SECONDS = 0.2
BUFFER_LINES = 200

#: Parameters of routes that are written as they were sent; any other may be a token.
_SHOWN: Final = frozenset({"id", "slug", "name", "file", "owner", "language", "number", "path"})
#: Characters of a part of a path without a route that may be a token or a name.
_ODD_LENGTH: Final = 33
#: Characters of a path that are written.
_PATH_LENGTH: Final = 200
_PARAMETER = re.compile(r"\{(\w+)")


class Line(NamedTuple):
    """One request."""

    at: float
    method: str
    route: str
    path: str
    status: int
    seconds: float
    request_id: bytes
    user: str | None
    client: str
    cached: bool


_Fields: TypeAlias = tuple[float, str, str, str, int, float, bytes, str | None, str, bool]


class AccessLines:
    """Lines that are one record of the log. ``str`` is JSON, an object on each line."""

    def __init__(self, lines: Sequence[Line], shown: Callable[[str], str]) -> None:
        self.lines = lines
        self._client = shown

    def __str__(self) -> str:
        return "\n".join(map(self._json, self.lines))

    def as_text(self) -> str:
        """Return the lines for a person."""
        return "\n".join(map(self._text, self.lines))

    def _json(self, line: Line) -> str:
        # PERF(cached): a third of what an encoder of the whole takes. What could hold a quote is
        # encoded; the method and the request id cannot.
        return (
            f'{{"time":"{iso_time(line.at)}","level":"INFO","logger":"{log.name}",'
            f'"method":"{line.method}","path":{_quoted(shown_path(line.route, line.path))},'
            f'"route":{_quoted(line.route)},"status":{line.status},"ms":{line.seconds * 1000:.3f},'
            f'"request_id":"{line.request_id.decode()}",'
            f'"user":{"null" if line.user is None else _quoted(line.user)},'
            f'"client":{_quoted(self._client(line.client))},'
            f'"cached":{"true" if line.cached else "false"}}}'
        )

    def _text(self, line: Line) -> str:
        path = printable(shown_path(line.route, line.path))
        return (
            f"{iso_time(line.at)} INFO {log.name}: {line.method} {path} {line.status} "
            f"{line.seconds * 1000:.1f} ms route={line.route} client={self._client(line.client)} "
            f"user={line.user or '-'} request_id={line.request_id.decode()}"
            f"{' cached' if line.cached else ''}"
        )


class AccessLog:
    """Buffers lines and passes them to the logger ``changemaker.access`` at level INFO.

    Nothing is buffered where that level is off.
    """

    def __init__(self, config: Config | None = None) -> None:
        self._shown = _CLIENTS["network" if config is None else config.log_client]
        self._lines: list[_Fields] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self,
        method: str,
        route: str,
        path: str,
        status: int,
        seconds: float,
        request_id: bytes,
        client: str,
        user: str | None = None,
        cached: bool = False,
    ) -> None:
        """Add the line of one request; ``user`` is an id."""
        if not log.isEnabledFor(logging.INFO):
            return
        at = time.time()
        # PERF: a plain tuple, made into a Line when it is written.
        line = (at, method, route, path, status, seconds, request_id, user, client, cached)
        self._lines.append(line)
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
            log.info("%s", AccessLines([Line(*line) for line in lines], self._shown))


def iso_time(at: float) -> str:
    """Return a moment as ``2030-01-31T12:00:00.000Z``."""
    whole = int(at)
    return f"{_second(whole)}.{int((at - whole) * 1000):03d}Z"


@lru_cache(maxsize=16)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def shown_path(route: str, path: str) -> str:
    """Return a path as it is logged: what may be a secret stands there by its parameter's name.

    >>> shown_path("/join/{token}", "/join/3ac2")
    '/join/{token}'
    """
    hidden = _hidden(route)
    if hidden:
        names, parts = route.split("/"), path.split("/")
        if len(names) != len(parts):
            return route
        path = "/".join(names[n] if n in hidden else part for n, part in enumerate(parts))
    if hidden is None or "@" in path or "%40" in path:
        longest = _ODD_LENGTH if hidden is None else len(path)
        path = "/".join("…" if _is_odd(part, longest) else part for part in path.split("/"))
    return path[:_PATH_LENGTH]


def _is_odd(part: str, longest: int) -> bool:
    """Return whether a part of a path holds an email address, or is as long as a token."""
    return len(part) >= longest or "@" in part or "%40" in part


@lru_cache(maxsize=4096)
def _hidden(route: str) -> frozenset[int] | None:
    """Return which parts of a route's paths are not logged; None for what is no route."""
    if not route.startswith("/"):
        return None
    return frozenset(
        number
        for number, part in enumerate(route.split("/"))
        if not _SHOWN.issuperset(_PARAMETER.findall(part))
    )


@lru_cache(maxsize=4096)
def _network(client: str) -> str:
    """Return the network of an address: /24 of IPv4, /48 of IPv6."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return ""  # no address, such as the path of a socket
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return str(network.network_address)


#: The values of ``log_client``, and what each shows of an address.
_CLIENTS: dict[str, Callable[[str], str]] = {
    "network": _network,
    "address": lambda client: client,
    "none": lambda _client: "",
}


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
