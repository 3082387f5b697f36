"""Connections to PostgreSQL that never wait longer than they were told to."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Self

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, parse_dsn

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


def patience(url: str) -> dict[str, Any]:
    """Options for a connection to ``url``, so that a server that vanished is noticed."""
    written = parse_dsn(url)
    return {name: value for name, value in _PATIENCE.items() if name not in written}


class Link:
    """A connection for short questions, each with the seconds that it may take.

    Not safe for threads. Raises ``psycopg2.Error``; what was not answered in time is an
    ``OperationalError``, and the connection is of no use any more.
    """

    def __init__(self, url: str, name: str, seconds: float) -> None:
        self._connection = psycopg2.connect(
            url, async_=True, application_name=name, **patience(url)
        )
        try:
            self._finish(seconds)
        except BaseException:
            self.close()
            raise

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
        self._finish(seconds)
        return cursor.fetchall() if cursor.description else []

    def notifications(self) -> list[str]:
        """The payloads that arrived since the last call, in the order of the commits."""
        self._connection.poll()
        arrived = [note.payload for note in self._connection.notifies]
        self._connection.notifies.clear()
        return arrived

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _finish(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (state := self._connection.poll()) != POLL_OK:
            poller = select.poll()
            wanted = select.POLLIN if state == POLL_READ else select.POLLOUT
            poller.register(self._connection.fileno(), wanted)
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise psycopg2.OperationalError(f"no answer within {seconds:g} seconds")
