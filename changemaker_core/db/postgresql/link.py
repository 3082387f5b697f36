"""Connections to PostgreSQL that never wait longer than they were told to."""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, parse_dsn

from changemaker_core.db.postgresql.errors import said

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How soon a connection that leads nowhere is given up, in libpq's words and units: seconds, and
#: milliseconds for the last. What the operator wrote in the address wins.
_PATIENCE = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
#: The same of a socket, by libpq's name.
_SOCKET_OPTIONS = {
    "TCP_KEEPIDLE": "keepalives_idle",
    "TCP_KEEPINTVL": "keepalives_interval",
    "TCP_KEEPCNT": "keepalives_count",
    "TCP_USER_TIMEOUT": "tcp_user_timeout",
}
#: As good as for ever, where the operator wrote that a connection may take as long as it likes.
_A_DAY = 86_400.0
#: What may stand in an address once for each of several hosts.
_FOR_EACH_HOST = ("host", "hostaddr", "port")


def patience(url: str) -> dict[str, Any]:
    """Options for a connection to ``url``, so that a server that vanished is noticed."""
    written = parse_dsn(url)
    return {name: value for name, value in _PATIENCE.items() if name not in written}


def give_up_soon(connected: Any) -> None:
    """Have a socket notice that its server vanished as soon as ``patience`` has libpq's do so."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, libpq in _SOCKET_OPTIONS.items():
        if hasattr(socket, name):  # the names differ between systems
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), _PATIENCE[libpq])


def session(url: str) -> dict[str, Any]:
    """Options for a connection to ``url`` that is read from and written to."""
    # The connection's own options, so that a session never has another time zone.
    return {"options": "-c timezone=UTC", "application_name": "changemaker", **patience(url)}


def connect_seconds(url: str) -> float:
    """How long a connection to one host of ``url`` may take."""
    seconds = float(parse_dsn(url).get("connect_timeout", _PATIENCE["connect_timeout"]))
    return seconds if seconds > 0 else _A_DAY


def connect(url: str, seconds: float, **options: Any) -> Any:
    """An asynchronous connection that is made: to the first host of ``url`` that is one.

    Blocks, for at most ``seconds`` for each host; libpq itself knows no limit here. Raises
    ``psycopg2.OperationalError``.
    """
    troubles = []
    for host in _hosts(url):
        try:
            return _connect_to(url, seconds, {**options, **host})
        except psycopg2.OperationalError as error:
            troubles.append(str(error).strip())
    raise psycopg2.OperationalError("; ".join(troubles))


def _connect_to(url: str, seconds: float, options: dict[str, Any]) -> Any:
    connection = psycopg2.connect(url, async_=True, **options)
    try:
        finish(connection, seconds)
    except BaseException:
        connection.close()
        raise
    return connection


#: What asyncpg understands in an address; anything else would become a setting of the session.
_ASYNCPG = frozenset(
    "host port user password passfile dbname service sslmode sslcert sslkey sslrootcert sslcrl"
    " sslpassword ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname"
    " gsslib".split()
)


def asyncpg_addresses(url: str) -> list[str]:
    """Return an address for asyncpg for each host of ``url``, which is libpq's."""
    addresses = []
    for host in _hosts(url):
        written = {**parse_dsn(url), **host}
        written["host"] = written.get("hostaddr") or written.get("host", "")
        known = {name: value for name, value in written.items() if name in _ASYNCPG and value}
        addresses.append(f"postgresql://?{urlencode(known)}")
    return addresses


def _hosts(url: str) -> list[dict[str, str]]:
    """What to put in the place of several hosts, for each of them."""
    written = parse_dsn(url)
    lists = {name: written[name].split(",") for name in _FOR_EACH_HOST if name in written}
    count = max(map(len, lists.values()), default=1)
    if any(len(values) not in (1, count) for values in lists.values()):
        return [{}]  # which libpq complains of
    return [
        {name: values[number % len(values)] for name, values in lists.items()}
        for number in range(count)
    ]


def poll(connection: Any) -> int:
    """Go on with what an asynchronous connection is doing; says what it waits for.

    Raises ``psycopg2.Error``.
    """
    try:
        state: int = connection.poll()
    except UnicodeDecodeError as error:
        # A server of another language and encoding refuses a session before it knows ours.
        raise psycopg2.OperationalError(said(error)) from error
    return state


def finish(connection: Any, seconds: float) -> None:
    """Wait for what an asynchronous connection is doing. Raises ``psycopg2.Error``."""
    deadline = time.monotonic() + seconds
    while (state := poll(connection)) != POLL_OK:
        poller = select.poll()
        wanted = select.POLLIN if state == POLL_READ else select.POLLOUT
        poller.register(connection.fileno(), wanted)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise psycopg2.OperationalError(f"no answer within {seconds:g} seconds")


class Link:
    """A connection for short questions, each with the seconds that it may take.

    Not safe for threads. Raises ``psycopg2.Error``; what was not answered in time is an
    ``OperationalError``, and the connection is of no use any more.
    """

    def __init__(self, url: str, name: str, seconds: float) -> None:
        self._connection = connect(url, seconds, application_name=name, **patience(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For waiting until something arrives."""
        descriptor: int = self._connection.fileno()
        return descriptor

    def ask(self, sql: str, values: Sequence[Any] = (), *, seconds: float) -> list[Any]:
        """The rows that answer ``sql``; none for a statement that returns nothing."""
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        finish(self._connection, seconds)
        return cursor.fetchall() if cursor.description else []

    def session(self, *, seconds: float) -> int:
        """Return the number of the server's session that runs this statement."""
        pid: int = self.ask("SELECT pg_backend_pid()", seconds=seconds)[0][0]
        return pid

    @property
    def announced_session(self) -> int:
        """The number that came when the connection was accepted; a pooler makes one up."""
        pid: int = self._connection.info.backend_pid
        return pid

    def notifications(self) -> list[str]:
        """The payloads that arrived since the last call, in the order of the commits."""
        self._connection.poll()
        arrived = [note.payload for note in self._connection.notifies]
        self._connection.notifies.clear()
        return arrived

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
