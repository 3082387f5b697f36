"""Transactions of PostgreSQL that begin with their first statement: a round trip less for each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import peewee
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from changemaker_core.db.dialects import Postgresql

if TYPE_CHECKING:
    from collections.abc import Callable


class _Thread(threading.local):
    #: Whether the next statement is to begin a transaction.
    waits = False


class BeginsLate(Postgresql):
    """Sends ``BEGIN`` with the first statement that follows ``begin_with_next``."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._thread = _Thread()

    def raw(self) -> Any:
        """The driver's connection of the calling thread, to look at."""
        return super().connection()

    def begin_with_next(self) -> None:
        """Let this thread's next statement begin a transaction."""
        self._thread.waits = True

    def has_begun(self) -> bool:
        """Whether one was begun since; from here on, none is begun by itself."""
        waited, self._thread.waits = self._thread.waits, False
        return not waited

    def connection(self) -> Any:
        """The driver's connection, within the transaction."""
        self._begin_now()
        if self.is_closed():  # where it could not be had again, peewee would open one outside of it
            raise peewee.InterfaceError("the connection to the database was lost")
        return self.raw()

    def cursor(self, named_cursor: Any = None) -> Any:
        """A driver's cursor, within the transaction."""
        self._begin_now()
        return super().cursor(named_cursor)  # type: ignore[no-untyped-call]  # peewee's stub

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        execute = super()._execute_cursor  # type: ignore[misc]  # absent from peewee's stubs
        if self.has_begun():
            return execute(sql, params, **options)
        try:
            return execute(f"BEGIN; {sql}", params, **options)
        except Exception:
            if self._is_inside():
                raise
        # Neither was done: the connection was dead, or the text was refused as a whole. On its own
        # the statement fails where it would have failed.
        self._thread.waits = True
        self._begin_now()
        return execute(sql, params, **options)

    def _begin_now(self) -> None:
        if self.has_begun():
            return
        if self.raw().closed:
            self._connect_again()
        self.begin()

    def _is_inside(self) -> bool:
        connection = self.raw()
        return not connection.closed and (
            connection.get_transaction_status() != TRANSACTION_STATUS_IDLE
        )

    def _connect_again(self) -> None:
        """A new connection, in the middle of what peewee takes for a transaction."""
        pop: Callable[[], Any] = self.pop_transaction
        transactions = [pop() for _ in range(self.transaction_depth())]
        try:
            self.close()
            self.connect()
        finally:
            for transaction in reversed(transactions):
                self.push_transaction(transaction)
