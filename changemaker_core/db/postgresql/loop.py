"""Compiled reads of PostgreSQL in the event loop: a few connections for each loop, and no threads.

A statement is sent when a connection is free, and what it fetched is handed to a future. Each is a
transaction of its own: it sees what was committed when the server began it. Statements that wait at
the same moment run beside one another, in no order.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import psycopg2

from changemaker_core.db.dialects import keep_as_text
from changemaker_core.db.errors import as_peewee_error
from changemaker_core.db.postgresql.errors import explain
from changemaker_core.db.postgresql.link import connect, connect_seconds, session
from changemaker_core.db.postgresql.loop_connection import LoopConnection, Question
from changemaker_core.db.work import check_usable

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.reads.plans import Plan

logger = logging.getLogger(__name__)

#: Connections of one event loop to one server.
CONNECTIONS = 8
#: How soon a connection that could not be made is tried again, while others still work.
_RETRY_SECONDS = 0.5
_STOP_SECONDS = 10.0


class LoopConnections:
    """The connections of one event loop, opened when all others are busy.

    Only ``close`` may be called from another thread. ``repeats``: a question whose connection is
    lost is asked once more, on a connection that is made for it.
    """

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop, repeats: bool) -> None:
        self._url = url
        self._loop = loop
        self._thread = threading.get_ident()
        self._repeats = repeats
        self._patience = connect_seconds(url)
        self._open: set[LoopConnection] = set()
        self._idle: list[LoopConnection] = []  # the last one used is used next
        self._opening = 0
        self._waiting: deque[Question] = deque()
        #: Questions whose connection was lost. Those that were idle meanwhile may be lost as well.
        self._again: deque[Question] = deque()
        self._is_closing = False
        self._closed = threading.Event()

    def fetch(self, plan: Plan, values: list[Any]) -> asyncio.Future[list[Any]]:
        """What the driver fetches for ``plan``."""
        question = Question(plan, values, self._loop)
        if self._idle:
            self._idle.pop().ask(question)
        else:
            question.since = self._loop.time()
            self._waiting.append(question)
            self._grow()
        return question.future

    def cut(self) -> None:
        """Make all who wait get an error: for a server that hangs. From any thread."""
        self._call(self._cut)

    def close(self) -> None:
        """Finish what was asked, and hang up. From any thread; in the loop's own it only begins."""
        if not self._loop.is_running():  # nobody is left who could wait for an answer
            for connection in self._open:
                connection.close()
            return
        self._call(self._begin_to_close)
        if threading.get_ident() != self._thread:
            self._closed.wait(_STOP_SECONDS)

    # What connections tell

    def on_free(self, connection: LoopConnection) -> None:
        """Ask the next question that somebody still waits for."""
        if connection.is_closed:
            return
        question = _next(self._waiting)
        if question is not None:
            connection.ask(question)
        else:
            self._idle.append(connection)
            self._close_if_asked()

    def on_loss(
        self, connection: LoopConnection, question: Question | None, error: Exception
    ) -> None:
        """Forget a connection, and ask again what it was asked."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if question is not None and self._repeats and not question.repeated:
            question.repeated = True
            self._again.append(question)
        elif question is not None:
            question.fail(_unavailable(error))
        self._grow()
        self._close_if_asked()

    # Opening

    def _grow(self) -> None:
        """Open connections for those who wait."""
        wanted = len(self._waiting) + len(self._again)
        while self._opening < wanted and len(self._open) + self._opening < CONNECTIONS:
            # Names of hosts are looked up, and a server may be slow: not in the loop.
            threading.Thread(target=self._connect, name="postgresql-connect", daemon=True).start()
            self._opening += 1  # not before: the system may have no thread left

    def _connect(self) -> None:
        try:
            connection = connect(self._url, self._patience, **session(self._url))
            keep_as_text(connection)
        except Exception as error:  # whatever it is, somebody waits
            self._call(self._on_failure, error)
        else:
            if not self._call(self._on_open, connection):
                connection.close()

    def _call(self, callback: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            logger.debug("an event loop was closed before its database answered")
            return False
        return True

    def _on_open(self, connection: Any) -> None:
        self._opening -= 1
        opened = LoopConnection(connection, self._loop, self)
        self._open.add(opened)
        question = _next(self._again)
        if question is not None:
            opened.ask(question)
        else:
            self.on_free(opened)

    def _on_failure(self, error: Exception) -> None:
        """Nobody waits longer for a connection than it may take to be made."""
        self._opening -= 1
        _fail(self._again, error)
        if not self._open:
            _fail(self._waiting, error)
        longest = self._loop.time() - self._patience
        while self._waiting and self._waiting[0].since <= longest:
            self._waiting.popleft().fail(_unavailable(error))
        if self._waiting:
            self._loop.call_later(_RETRY_SECONDS, self._grow)
        self._close_if_asked()

    # Closing

    def _cut(self) -> None:
        error = psycopg2.OperationalError("the server does not answer")
        _fail(self._waiting, error)
        for connection in tuple(self._open):
            connection.hang_up(error)

    def _begin_to_close(self) -> None:
        self._is_closing = True
        self._close_if_asked()

    def _close_if_asked(self) -> None:
        if not self._is_closing:
            return
        while self._idle:
            connection = self._idle.pop()
            self._open.discard(connection)
            connection.close()
        if not (self._open or self._opening or self._waiting or self._again):
            self._closed.set()


def _next(questions: deque[Question]) -> Question | None:
    """The next one that somebody still waits for."""
    while questions:
        question = questions.popleft()
        if not question.future.done():
            return question
    return None


def _fail(questions: deque[Question], error: Exception) -> None:
    while questions:
        questions.popleft().fail(_unavailable(error))


def _unavailable(error: Exception) -> BaseException:
    return explain(as_peewee_error(error), is_lost=True)


class LoopReads:
    """The connections of all event loops of this process to one server."""

    def __init__(self, url: str, *, repeats: bool) -> None:
        self._url = url
        self._repeats = repeats
        self._loops: dict[asyncio.AbstractEventLoop, LoopConnections] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    def fetch(self, plan: Plan, values: list[Any]) -> asyncio.Future[list[Any]]:
        """What the driver fetches for ``plan``, in the running loop."""
        loop = asyncio.get_running_loop()
        return (self._loops.get(loop) or self._open(loop)).fetch(plan, values)

    def cut(self) -> None:
        """Make all who wait get an error: for a server that hangs. From any thread."""
        for connections in self._all():
            connections.cut()

    def close(self) -> None:
        """Finish what was asked, and hang up."""
        with self._lock:
            self._closed = True
        for connections in self._all():
            connections.close()
        self._loops.clear()

    def _open(self, loop: asyncio.AbstractEventLoop) -> LoopConnections:
        with self._lock:
            check_usable(self._closed, self._pid)
            for each in [each for each in self._loops if each.is_closed()]:
                self._loops.pop(each).close()
            connections = LoopConnections(self._url, loop, self._repeats)
            self._loops[loop] = connections
            return connections

    def _all(self) -> list[LoopConnections]:
        with self._lock:
            return list(self._loops.values())
