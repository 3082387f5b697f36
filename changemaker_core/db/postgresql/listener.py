"""Notifications of writes to PostgreSQL, by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING

import psycopg2

from changemaker_core.db.postgresql.control import ControlConnection
from changemaker_core.db.postgresql.notifications import Note, Notified
from changemaker_core.db.tracking import NOTHING, merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.tracking import Tags

logger = logging.getLogger(__name__)

CHANNEL = "changemaker_tables"
#: Waits before it connects again: a server that restarts is back within seconds.
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)
_CONNECT_SECONDS = 3.0
#: How often the connection is checked when no read needs it, so that a server that vanished is
#: noticed; and how long a response may take.
HEARTBEAT_SECONDS = 0.5
_RESPONSE_SECONDS = 2.0
_STOP_SECONDS = 10.0
_TRANSACTION_MODE = (
    "LISTEN does not work through a connection pooler in transaction mode, so no response is"
    " cached; use session mode, or connect to PostgreSQL itself"
)
#: The end of the primary's log, also of what is not written out yet.
WHERE = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
#: The identity of one database among all, the same on the primary and its replicas.
IDENTITY = (
    "SELECT system_identifier::text || '/' || oid FROM pg_control_system(), pg_database"
    " WHERE datname = current_database()"
)


class Listener:
    """A thread with a connection that listens, and connects anew when that is lost.

    Notifications may be missed in between, so a loss reports that anything may have changed, and so
    does the return. ``new_token`` makes tokens of this process, and ``is_own`` recognises them.
    """

    def __init__(
        self,
        url: str,
        new_token: Callable[[], str],
        is_own: Callable[[str], bool],
        notify: Callable[[Tags], None],
    ) -> None:
        self.notified = Notified()
        #: Whether it is started and cannot listen.
        self.is_cut_off = False
        #: See ``IDENTITY``; empty until it was once connected.
        self.identity = ""
        self._url = url
        self._new_token = new_token
        self._is_own = is_own
        self._notify = notify
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()
        #: Reads that wait for the next confirmation: one future for each event loop.
        self._waiting: dict[asyncio.AbstractEventLoop, asyncio.Future[bool]] = {}
        self._stopping = False
        self._confirmed_at = 0.0
        #: The process of the server that listens.
        self._backend_pid = 0
        self._wake_reader = self._wake_writer = -1

    def start(self) -> None:
        """Start the thread; returns once it listens, or failed to."""
        if self._thread is not None:
            return
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._ready.clear()
        self._stopping = False
        self.is_cut_off = True
        self._thread = threading.Thread(target=self._run, name="postgresql-listener", daemon=True)
        self._thread.start()
        self._ready.wait(_STOP_SECONDS)

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
        self.is_cut_off = False

    async def caught_up(self) -> bool:
        """Wait for the notifications of all commits that returned before this call; return False
        where that is not possible.

        A server passes notifications on before it responds to a statement that came after the
        commit. So one response on the listening connection proves it, for all that wait.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._thread is None or self.is_cut_off or self._stopping:
                return False
            future = self._waiting.get(loop)
            if future is None:
                future = self._waiting[loop] = loop.create_future()
                self._wake()
        # Shielded: a caller that is cancelled must not cancel the others' wait.
        return await asyncio.shield(future)

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            return  # full of calls that the thread has yet to read

    def _run(self) -> None:
        failures, reported = 0, ""
        while True:
            try:
                self._listen()
            except (psycopg2.Error, ValueError) as error:
                problem = str(error).strip()
                if problem != reported or not self.is_cut_off:
                    logger.warning("cannot listen for changes to the database: %s", problem)
                reported = problem
            failures = failures + 1 if self.is_cut_off else 0
            self._cut_off()
            if self._wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]):
                return

    def _cut_off(self) -> None:
        with self._lock:
            self.is_cut_off = True
            waiting, self._waiting = self._waiting, {}
        self.notified.forget()
        self._notify(None)
        self._ready.set()
        _resolve(waiting, False)

    def _listen(self) -> None:
        """Listen until ``stop``. Raises when the connection is lost."""
        with ControlConnection(self._url, "changemaker listener", _CONNECT_SECONDS) as connection:
            self._check_pooler(connection)
            connection.query(f"LISTEN {CHANNEL}", seconds=_RESPONSE_SECONDS)
            # The greeting makes the tokens of all processes equal again, whatever was missed here.
            greeting = Note(self._new_token(), NOTHING).write()
            connection.query(
                "SELECT pg_notify(%s, %s)", (CHANNEL, greeting), seconds=_RESPONSE_SECONDS
            )
            self.identity = connection.query(IDENTITY, seconds=_RESPONSE_SECONDS)[0][0]
            self._confirm(connection)
            self._notify(None)
            self.is_cut_off = False
            self._ready.set()
            while not self._wait(self._until_heartbeat(), connection):
                self._deliver(connection)
                if self._waiting or self._until_heartbeat() <= 0:
                    self._confirm(connection)

    def _check_pooler(self, connection: ControlConnection) -> None:
        """Raise where a pooler runs each transaction on the session that happens to be free."""
        self._backend_pid = pid = connection.backend_pid(seconds=_RESPONSE_SECONDS)
        if pid == connection.announced_pid:
            return
        # A pooler. In session mode ours stays the same, and no other client gets it meanwhile.
        with ControlConnection(self._url, "changemaker listener", _CONNECT_SECONDS) as other:
            for _ in range(3):
                pids = [each.backend_pid(seconds=_RESPONSE_SECONDS) for each in (connection, other)]
                if pids[0] != pid or pids[1] == pid:
                    raise ValueError(_TRANSACTION_MODE)

    def _until_heartbeat(self) -> float:
        return self._confirmed_at + HEARTBEAT_SECONDS - time.monotonic()

    def _wait(self, seconds: float, connection: ControlConnection | None = None) -> bool:
        """Wait for a call, for notifications or for ``seconds``. Return True to stop."""
        poller = select.poll()
        poller.register(self._wake_reader, select.POLLIN)
        if connection is not None:
            poller.register(connection.fileno(), select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(max(0.0, seconds) * 1000)}
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
        return self._stopping

    def _confirm(self, connection: ControlConnection) -> None:
        """Read the primary's position, which proves to all that wait that they have caught up."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            self._deliver(connection)
            mark = self.notified.positions.mark()
            rows = connection.query(f"{WHERE}, pg_backend_pid()", seconds=_RESPONSE_SECONDS)
            position, pid = rows[0]
            if pid != self._backend_pid:
                raise ValueError(_TRANSACTION_MODE)
            self._deliver(connection)
            self.notified.positions.settle(mark, position)
            self._confirmed_at = time.monotonic()
        except BaseException:
            _resolve(waiting, False)
            raise
        _resolve(waiting, True)

    def _deliver(self, connection: ControlConnection) -> None:
        notes = [Note.read(payload) for payload in connection.notifications()]
        for note in notes:
            self.notified.note(note)
        written = merge(note.written for note in notes if not self._is_own(note.token))
        if written != NOTHING:
            self._notify(written)


def _resolve(waiting: dict[asyncio.AbstractEventLoop, asyncio.Future[bool]], result: bool) -> None:
    for loop, future in waiting.items():
        try:
            loop.call_soon_threadsafe(_resolve_one, future, result)
        except RuntimeError:
            logger.debug("an event loop was closed before its database caught up")


def _resolve_one(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)
