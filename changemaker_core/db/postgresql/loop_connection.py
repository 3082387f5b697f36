"""One connection to PostgreSQL that belongs to an event loop: a question at a time, no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE

from changemaker_core.db.errors import as_peewee_error
from changemaker_core.db.postgresql.errors import explain, state_of
from changemaker_core.db.postgresql.link import poll
from changemaker_core.db.postgresql.prepared import Prepared

if TYPE_CHECKING:
    import asyncio

    from changemaker_core.db.reads.plans import Plan

#: How many rows are taken from the driver before others have a turn: a fraction of a millisecond.
ROWS_A_TURN = 200
#: An answer of more rows takes its cursor with it. Others stay until the next one comes, since a
#: new cursor costs a tenth of a read.
ROWS_KEPT = 10
#: Classes of errors that a statement may have only because it was prepared: of types (22, 42), of
#: its name, because a pool has given us another session (26), of a table that was altered (0A).
_OF_PREPARING = frozenset({"0A", "22", "26", "42"})
#: The server ends the session, and closes the connection next.
_GOODBYE = frozenset({"57P01", "57P02", "57P03"})


class Question:
    """A plan with its values, and the future of who awaits what the driver fetches."""

    __slots__ = ("future", "plan", "repeated", "since", "values")

    def __init__(self, plan: Plan, values: list[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.plan = plan
        self.values = values
        self.future: asyncio.Future[list[Any]] = loop.create_future()
        #: Whether this is its second try.
        self.repeated = False
        #: When it began to wait for a connection.
        self.since = 0.0

    def answer(self, fetched: list[Any]) -> None:
        """Hand over, if somebody still waits."""
        if not self.future.done():
            self.future.set_result(fetched)

    def fail(self, error: BaseException) -> None:
        """Hand over what went wrong."""
        if not self.future.done():
            self.future.set_exception(error)


class Owner(Protocol):
    """Whom a connection tells of itself."""

    def on_free(self, connection: LoopConnection) -> None:
        """It can take a question."""

    def on_loss(
        self, connection: LoopConnection, question: Question | None, error: Exception
    ) -> None:
        """It is closed, and what it was asked has no answer."""


class LoopConnection:
    """Sends a question when told to, and tells its owner when the answer was handed over.

    Its reader stays registered between questions, so a connection that the server closes is
    noticed at once. A question whose asker went away is answered into the void: what the server
    sends for it has to be read in any case.
    """

    def __init__(self, connection: Any, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._connection = connection
        self._descriptor: int = connection.fileno()
        self._loop = loop
        self._owner = owner
        self._prepared = Prepared()
        self._question: Question | None = None
        self._text = ""
        self._cursor: Any = connection.cursor()
        #: Whether the question is asked again as it is, having failed as a prepared statement.
        self._plainly = False
        self._is_writing = False
        #: Whether it was closed, or lost.
        self.is_closed = False
        loop.add_reader(self._descriptor, self._advance)

    def ask(self, question: Question, *, plainly: bool = False) -> None:
        """Send a question; ``plainly``: not as a prepared statement. The connection is free."""
        self._question, self._plainly = question, plainly
        plan, values = question.plan, question.values
        try:
            self._text = plan.sql if plainly else self._prepared.text(plan, values)
            self._cursor.execute(self._text, values)
            state = poll(self._connection)
        except Exception as error:  # also of values that cannot be written: the asker's
            self._fail(error)
            return
        if state == POLL_OK:  # there already; not here, where the next question would nest
            self._loop.call_soon(self._advance)
        elif state == POLL_WRITE:
            self._is_writing = True
            self._loop.add_writer(self._descriptor, self._advance)

    def close(self) -> None:
        """Hang up; what it was asked is not answered."""
        self.is_closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
            self._stop_writing()
        self._connection.close()

    def hang_up(self, error: Exception) -> None:
        """Close it as if it were lost."""
        question, self._question = self._question, None
        self._lose(question, error)

    def _advance(self) -> None:
        """Go on, since something can be read or written."""
        if self.is_closed:
            return
        try:
            state = poll(self._connection)
        except psycopg2.Error as error:
            self._fail(error)
            return
        if self._is_writing and state != POLL_WRITE:
            self._stop_writing()
        if state == POLL_OK and self._question is not None:
            self._answer(self._question)
        else:
            self._loop.call_soon(self._watch_again)

    def _watch_again(self) -> None:
        """uvloop calls a reader once for an error of the socket, and then never again, though
        there may be something to read before the error, and the end to be noticed after it."""
        if self.is_closed:
            return
        self._loop.remove_reader(self._descriptor)
        self._loop.add_reader(self._descriptor, self._advance)
        if self._is_writing:
            self._loop.remove_writer(self._descriptor)
            self._loop.add_writer(self._descriptor, self._advance)

    def _stop_writing(self) -> None:
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._descriptor)

    def _answer(self, question: Question) -> None:
        cursor, self._question = self._cursor, None
        if self._plainly:
            self._prepared.refuse(question.plan, question.values)
        if cursor.rowcount > ROWS_KEPT:
            self._cursor = self._connection.cursor()
        self._take(question, cursor, [])

    def _take(self, question: Question, cursor: Any, fetched: list[Any]) -> None:
        try:
            fetched += cursor.fetchmany(ROWS_A_TURN)
        except Exception as error:  # a value that Python has none for: the asker's
            if self.is_closed:  # lost since the answer came, with what was not yet taken
                self._owner.on_loss(self, question, error)
            else:
                question.fail(as_peewee_error(error))
        else:
            if cursor.rownumber < cursor.rowcount and not question.future.done():
                self._loop.call_soon(self._take, question, cursor, fetched)
                return
            question.answer(fetched)
        self._owner.on_free(self)

    def _fail(self, error: Exception) -> None:
        question, self._question = self._question, None
        if question is None or self._connection.closed or state_of(error) in _GOODBYE:
            self._lose(question, error)
        elif self._may_succeed_plainly(question, error):
            self.ask(question, plainly=True)
        else:
            question.fail(explain(as_peewee_error(error), is_lost=False))
            self._loop.call_soon(self._owner.on_free, self)  # not here, where failures would nest

    def _may_succeed_plainly(self, question: Question, error: Exception) -> bool:
        code = state_of(error) or ""
        return self._text != question.plan.sql and code[:2] in _OF_PREPARING

    def _lose(self, question: Question | None, error: Exception) -> None:
        self.close()
        self._owner.on_loss(self, question, error)
