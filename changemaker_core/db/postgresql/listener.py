"""News of writes to PostgreSQL, by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING

import psycopg2

from changemaker_core.db.postgresql.link import Link
from changemaker_core.db.postgresql.notifications import Heard, Note
from changemaker_core.db.tracking import NOTHING, merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.tracking import Tags

logger = logging.getLogger(__name__)

CHANNEL = "changemaker_tables"
#: Waits before it connects again: a server that restarts is back within seconds.
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)
_CONNECT_SECONDS = 3.0
#: How often the server is asked something when nobody wants to know, so that a connection that
#: leads nowhere any more is noticed; and how long an answer may take.
HEARTBEAT_SECONDS = 0.5
_ANSWER_SECONDS = 2.0
_STOP_SECONDS = 10.0
_TRANSACTION_MODE = (
    "a pooler in transaction mode stands before PostgreSQL, and LISTEN does not work through it:"
    " no response is cached; use session mode, or the address of PostgreSQL itself"
)
#: The end of the primary's log, also of what is not written out yet.
WHERE = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
#: What tells one database from all others, on the primary and on its replicas alike.
IDENTITY = (
    "SELECT system_identifier::text || '/' || oid FROM pg_control_system(), pg_database"
    " WHERE datname = current_database()"
)


class Listener:
    """A thread with a connection that listens, and connects anew when that is lost.

    What was missed in between is not known, so a loss announces that anything may have changed,
    and so does the return. ``new_token`` makes tokens of this process, ``is_own`` knows them again.
    """

    def __init__(
        self,
        url: str,
        new_token: Callable[[], str],
        is_own: Callable[[str], bool],
        announce: Callable[[Tags], None],
    ) -> None:
        self.heard = Heard()
        #: Whether it should listen and cannot.
        self.is_deaf = False
        #: See ``IDENTITY``; empty until it was once connected.
        self.identity = ""
        self._url = url
        self._new_token = new_token
        self._is_own = is_own
        self._announce = announce
        self._thread: threading.Thread | None = None
        self._heard_first = threading.Event()
        self._lock = threading.Lock()
        #: Who waits for the next question to be answered: one future for each event loop.
        self._asking: dict[asyncio.AbstractEventLoop, asyncio.Future[bool]] = {}
        self._stopping = False
        self._asked_at = 0.0
        #: The server's session that listens.
        self._session = 0
        self._wake_reader = self._wake_writer = -1

    def start(self) -> None:
        """Start the thread; returns once it listens, or failed to."""
        if self._thread is not None:
            return
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._heard_first.clear()
        self._stopping = False
        self.is_deaf = True
        self._thread = threading.Thread(target=self._loop, name="postgresql-listener", daemon=True)
        self._thread.start()
        self._heard_first.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """End the thread."""
        if self._thread is None:
            return
        with self._lock:
            self._stopping = True
            self._wake()
        self._thread.join(_STOP_SECONDS)
        with self._lock:
            self._thread = None
            os.close(self._wake_reader)
            os.close(self._wake_writer)
        self.is_deaf = False

    async def caught_up(self) -> bool:
        """Wait until every commit was heard of that anybody had been told of before this call;
        False where that cannot be.

        A server passes on notifications before it answers a question that came after the commit.
        So one answer of the listening connection proves it, for all who wait.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._thread is None or self.is_deaf or self._stopping:
                return False
            future = self._asking.get(loop)
            if future is None:
                future = self._asking[loop] = loop.create_future()
                self._wake()
        # Shielded: one who goes away must not cancel the others' wait.
        return await asyncio.shield(future)

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            return  # full of calls that it will hear

    def _loop(self) -> None:
        failures, reported = 0, ""
        while True:
            try:
                self._listen()
            except (psycopg2.Error, ValueError) as error:
                trouble = str(error).strip()
                if trouble != reported or not self.is_deaf:
                    logger.warning("cannot listen to changes of the database: %s", trouble)
                reported = trouble
            failures = failures + 1 if self.is_deaf else 0
            self._cut_off()
            if self._wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]):
                return

    def _cut_off(self) -> None:
        with self._lock:
            self.is_deaf = True
            asking, self._asking = self._asking, {}
        self.heard.forget()
        self._announce(None)
        self._heard_first.set()
        _answer(asking, False)

    def _listen(self) -> None:
        """Listen until told to stop; raises when the connection is lost."""
        with Link(self._url, "changemaker listener", _CONNECT_SECONDS) as link:
            self._check_session(link)
            link.ask(f"LISTEN {CHANNEL}", seconds=_ANSWER_SECONDS)
            # The greeting makes everybody's tokens equal again, whatever was missed here.
            greeting = Note(self._new_token(), NOTHING).write()
            link.ask("SELECT pg_notify(%s, %s)", (CHANNEL, greeting), seconds=_ANSWER_SECONDS)
            self.identity = link.ask(IDENTITY, seconds=_ANSWER_SECONDS)[0][0]
            self._ask(link)
            self._announce(None)
            self.is_deaf = False
            self._heard_first.set()
            while not self._wait(self._until_heartbeat(), link):
                self._deliver(link)
                if self._asking or self._until_heartbeat() <= 0:
                    self._ask(link)

    def _check_session(self, link: Link) -> None:
        """Raise where a pooler runs each transaction on the session that happens to be free."""
        self._session = session = link.session(seconds=_ANSWER_SECONDS)
        if session == link.announced_session:
            return
        # A pooler. In session mode ours stays the same, and no other client gets it meanwhile.
        with Link(self._url, "changemaker listener", _CONNECT_SECONDS) as other:
            for _ in range(3):
                sessions = {each.session(seconds=_ANSWER_SECONDS) for each in (other, link)}
                if len(sessions) < 2 or session not in sessions:
                    raise ValueError(_TRANSACTION_MODE)

    def _until_heartbeat(self) -> float:
        return self._asked_at + HEARTBEAT_SECONDS - time.monotonic()

    def _wait(self, seconds: float, link: Link | None = None) -> bool:
        """Wait for a call, for news or for ``seconds``. True: stop."""
        poller = select.poll()
        poller.register(self._wake_reader, select.POLLIN)
        if link is not None:
            poller.register(link.fileno(), select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(max(0.0, seconds) * 1000)}
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
        return self._stopping

    def _ask(self, link: Link) -> None:
        """Ask the primary where it is, which answers all who wait to have caught up."""
        with self._lock:
            asking, self._asking = self._asking, {}
        try:
            self._deliver(link)
            mark = self.heard.positions.mark()
            rows = link.ask(f"{WHERE}, pg_backend_pid()", seconds=_ANSWER_SECONDS)
            position, session = rows[0]
            if session != self._session:
                raise ValueError(_TRANSACTION_MODE)
            self._deliver(link)
            self.heard.positions.settle(mark, position)
            self._asked_at = time.monotonic()
        except BaseException:
            _answer(asking, False)
            raise
        _answer(asking, True)

    def _deliver(self, link: Link) -> None:
        notes = [Note.read(payload) for payload in link.notifications()]
        for note in notes:
            self.heard.note(note)
        written = merge(note.written for note in notes if not self._is_own(note.token))
        if written != NOTHING:
            self._announce(written)


def _answer(asking: dict[asyncio.AbstractEventLoop, asyncio.Future[bool]], answer: bool) -> None:
    for loop, future in asking.items():
        try:
            loop.call_soon_threadsafe(_settle, future, answer)
        except RuntimeError:
            logger.debug("an event loop was closed before its database caught up")


def _settle(future: asyncio.Future[bool], answer: bool) -> None:
    if not future.done():
        future.set_result(answer)
