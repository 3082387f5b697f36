"""One connection for each thread to one PostgreSQL server, and what its loss looks like."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2

from changemaker_core.db.dialects import Postgresql
from changemaker_core.db.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A server that answers, and cannot do what is asked of it now: it starts or stops (57P0x), has no
#: connection left (53300), or was made a replica by a failover (25006).
_NOT_NOW = frozenset({"57P01", "57P02", "57P03", "53300", "25006"})


class Connections:
    """The connections of a pool of threads, each kept until it turns out to be dead."""

    def __init__(self, url: str) -> None:
        self.database = Postgresql(url)
        self._lock = threading.Lock()
        self._open: set[Any] = set()

    def raw(self) -> Any:
        """The driver's connection of the calling thread."""
        return self.database.connection()

    def is_dead(self) -> bool:
        """Whether this thread's connection is lost."""
        return self.database.is_closed() or self.raw().closed != 0

    def connect(self) -> None:
        """Connect this thread, anew if its connection is lost."""
        if not self.database.is_closed():
            if self.raw().closed == 0:
                return
            self.close()
        self.database.connect()
        with self._lock:
            self._open.add(self.raw())

    def close(self) -> None:
        """Hang up, for the calling thread."""
        if self.database.is_closed():
            return
        with self._lock:
            self._open.discard(self.raw())
            self.database.close()

    def cut(self) -> None:
        """Make every thread that waits for an answer of the server get an error instead.

        For a server that hangs: nothing else ends a wait in the driver.
        """
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError, psycopg2.Error), _same_socket(connection) as same:
                    same.shutdown(socket.SHUT_RDWR)

    def explain(self, error: BaseException) -> BaseException:
        """``error``, or that the database is unavailable where it is for that."""
        if not isinstance(error, (peewee.PeeweeException, psycopg2.Error)):
            return error
        if not (self.is_dead() or _state(error) in _NOT_NOW):
            return error
        unavailable = DatabaseUnavailable(str(error).strip())
        unavailable.__cause__ = error
        return unavailable


@contextlib.contextmanager
def _same_socket(connection: Any) -> Iterator[socket.socket]:
    same = socket.socket(fileno=os.dup(connection.fileno()))
    try:
        yield same
    finally:
        same.close()


def _state(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, which peewee keeps as the cause or the context of its own."""
    for each in (error, error.__cause__, error.__context__, getattr(error, "orig", None)):
        if isinstance(each, psycopg2.Error):
            return each.pgcode
    return None
