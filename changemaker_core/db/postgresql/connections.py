"""Connections of threads to PostgreSQL, whose transactions begin with their first statement.

That is a round trip less for each transaction, and nothing at all for one without statements.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import peewee
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from changemaker_core.db.dialects import Postgresql
from changemaker_core.db.postgresql.errors import as_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable


class _Thread(threading.local):
    #: Whether the next statement begins a transaction.
    begins = False


class DeferredBegin(Postgresql):
    """Sends ``BEGIN`` with the first statement that follows ``begin_with_next``."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._thread = _Thread()

    def begin_with_next(self) -> None:
        """Let this thread's next statement begin a transaction."""
        self._thread.begins = True

    def has_begun(self) -> bool:
        """Return whether one was begun since; from here on, none is begun by itself."""
        waited, self._thread.begins = self._thread.begins, False
        return not waited

    def connection(self) -> Any:
        """Return the driver's connection, within the transaction."""
        self._begin_now()
        if self.is_closed():  # if it could not be replaced, peewee would open one outside of it
            raise peewee.InterfaceError("the connection to the database was lost")
        return super().connection()

    def cursor(self, named_cursor: Any = None, *, tracked: bool = False) -> Any:
        """Return a driver's cursor, within the transaction."""
        self._begin_now()
        return super().cursor(named_cursor, tracked=tracked)

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        execute = super()._execute_cursor  # type: ignore[misc]  # absent from peewee's stubs
        if self.has_begun():
            return execute(sql, params, **options)
        try:
            return execute(f"BEGIN; {sql}", params, **options)
        except Exception:
            if self._is_inside():
                raise
        # Neither ran: the connection was lost, or the text was refused as a whole. On its own the
        # statement fails where it would have failed.
        self._thread.begins = True
        self._begin_now()
        return execute(sql, params, **options)

    def _begin_now(self) -> None:
        if self.has_begun():
            return
        if self.raw().closed:
            self._connect_again()
        super()._execute_cursor("BEGIN", None, tracked=True)  # type: ignore[misc]  # absent from peewee's stubs

    def _is_inside(self) -> bool:
        connection = self.raw()
        return not connection.closed and (
            connection.get_transaction_status() != TRANSACTION_STATUS_IDLE
        )

    def _connect_again(self) -> None:
        """Replace the connection, in the middle of what peewee takes for a transaction."""
        pop: Callable[[], Any] = self.pop_transaction
        transactions = [pop() for _ in range(self.transaction_depth())]
        try:
            self.close()
            self.connect()
        finally:
            for transaction in reversed(transactions):
                self.push_transaction(transaction)


class ThreadConnections:
    """The connections of a pool of threads, one for each, replaced when they are lost."""

    def __init__(self, url: str) -> None:
        self.database = DeferredBegin(url)

    def raw(self) -> Any:
        """Return the driver's connection of the calling thread."""
        return self.database.raw()

    def is_lost(self) -> bool:
        """Return whether this thread has no connection that works."""
        return self.database.is_closed() or self.raw().closed != 0

    def connect(self) -> None:
        """Connect this thread, anew if its connection is lost."""
        if not self.database.is_closed():
            if self.raw().closed == 0:
                return
            self.close()
        self.database.connect()

    def close(self) -> None:
        """Close the connection of the calling thread."""
        if not self.database.is_closed():
            self.database.close()

    def as_unavailable(self, error: BaseException, *, writes: bool) -> BaseException:
        """Return ``DatabaseUnavailable`` where ``error`` means that, or ``error`` itself."""
        return as_unavailable(error, self.is_lost(), writes=writes)
