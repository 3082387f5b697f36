"""Addresses of PostgreSQL as libpq writes them, and the timeouts of connections to them."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlencode

from psycopg2.extensions import parse_dsn

#: How soon a server that vanished is noticed, by libpq's names: in seconds, and in milliseconds for
#: the last. What the operator wrote in the address wins.
_TIMEOUTS = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: How long a statement waits for a lock that another transaction has.
LOCK_MILLISECONDS = 10_000
#: The same of a socket. The names differ between systems.
_SOCKET_OPTIONS = {
    "TCP_KEEPIDLE": "keepalives_idle",
    "TCP_KEEPINTVL": "keepalives_interval",
    "TCP_KEEPCNT": "keepalives_count",
    "TCP_USER_TIMEOUT": "tcp_user_timeout",
}
#: In place of 0, which for libpq means no limit.
_A_DAY = 86_400.0
#: What an address may have once for each of several hosts.
_FOR_EACH_HOST = ("host", "hostaddr", "port")
#: What asyncpg understands in an address. It would send anything else as a setting of the session.
_ASYNCPG = frozenset(
    "host port user password passfile dbname service sslmode sslcert sslkey sslrootcert sslcrl"
    " sslpassword ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname"
    " gsslib".split()
)


def timeout_options(url: str) -> dict[str, Any]:
    """Return the timeouts that ``url`` does not have itself, as libpq's options."""
    written = parse_dsn(url)
    return {name: value for name, value in _TIMEOUTS.items() if name not in written}


def session_options(url: str) -> dict[str, Any]:
    """Return libpq's options for a session in UTC that is read from and written to."""
    options = f"-c timezone=UTC -c lock_timeout={LOCK_MILLISECONDS}"
    return {"options": options, "application_name": "changemaker", **timeout_options(url)}


def connect_seconds(url: str) -> float:
    """Return how many seconds a connection to one host of ``url`` may take to be opened."""
    seconds = float(parse_dsn(url).get("connect_timeout", _TIMEOUTS["connect_timeout"]))
    return seconds if seconds > 0 else _A_DAY


def hosts(url: str) -> list[dict[str, str]]:
    """Return, for each host of ``url``, the options of libpq that choose it alone."""
    written = parse_dsn(url)
    lists = {name: written[name].split(",") for name in _FOR_EACH_HOST if name in written}
    count = max(map(len, lists.values()), default=1)
    if any(len(values) not in (1, count) for values in lists.values()):
        return [{}]  # which libpq refuses
    return [
        {name: values[number % len(values)] for name, values in lists.items()}
        for number in range(count)
    ]


def asyncpg_addresses(url: str) -> list[str]:
    """Return an address for asyncpg for each host of ``url``."""
    addresses = []
    for host in hosts(url):
        written = {**parse_dsn(url), **host}
        written["host"] = written.get("hostaddr") or written.get("host", "")
        known = {name: value for name, value in written.items() if name in _ASYNCPG and value}
        addresses.append(f"postgresql://?{urlencode(known)}")
    return addresses


def set_timeouts(connected: socket.socket) -> None:
    """Have a socket notice a server that vanished as soon as libpq's sockets do."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, libpq in _SOCKET_OPTIONS.items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), _TIMEOUTS[libpq])
