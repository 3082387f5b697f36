"""A connection to PostgreSQL for listening and short statements, each with a time limit."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Self

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from changemaker_core.db.postgresql.addresses import hosts, timeout_options
from changemaker_core.db.postgresql.errors import message_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class ControlConnection:
    """A connection that waits for each statement as many seconds as the caller allows.

    It connects to the first host of ``url`` that accepts within ``seconds``; libpq itself has no
    limit for all of that. Not safe for threads. Raises ``psycopg2.Error``; what takes too long is
    an ``OperationalError``, after which the connection cannot be used any more.
    """

    def __init__(self, url: str, name: str, seconds: float) -> None:
        options = {"application_name": name, **timeout_options(url)}
        failures = []
        for host in hosts(url):
            try:
                self._connection = _connect(url, seconds, {**options, **host})
                return
            except psycopg2.OperationalError as error:
                failures.append(str(error).strip())
        raise psycopg2.OperationalError("; ".join(failures))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something arrives."""
        descriptor: int = self._connection.fileno()
        return descriptor

    def query(self, sql: str, values: Sequence[Any] = (), *, seconds: float) -> list[Any]:
        """Return the rows of ``sql``; none for a statement that returns nothing."""
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        _finish(self._connection, seconds)
        return cursor.fetchall() if cursor.description else []

    def backend_pid(self, *, seconds: float) -> int:
        """Return the process of the server that runs this statement."""
        pid: int = self.query("SELECT pg_backend_pid()", seconds=seconds)[0][0]
        return pid

    @property
    def announced_pid(self) -> int:
        """The process that the server named when it accepted the connection; a pooler makes one
        up."""
        pid: int = self._connection.info.backend_pid
        return pid

    def notifications(self) -> list[str]:
        """Return the payloads that arrived since the last call, in the order of the commits."""
        self._connection.poll()
        arrived = [notification.payload for notification in self._connection.notifies]
        self._connection.notifies.clear()
        return arrived

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _connect(url: str, seconds: float, options: dict[str, Any]) -> Any:
    connection = psycopg2.connect(url, async_=True, **options)
    try:
        _finish(connection, seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def _finish(connection: Any, seconds: float) -> None:
    """Wait for what an asynchronous connection is doing."""
    deadline = time.monotonic() + seconds
    while (state := _poll(connection)) != POLL_OK:
        poller = select.poll()
        wanted = select.POLLIN if state == POLL_READ else select.POLLOUT
        poller.register(connection.fileno(), wanted)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise psycopg2.OperationalError(f"no response within {seconds:g} seconds")


def _poll(connection: Any) -> int:
    try:
        state: int = connection.poll()
    except UnicodeDecodeError as error:
        # A server of another language and encoding refuses a session before it knows ours.
        raise psycopg2.OperationalError(message_of(error)) from error
    return state
