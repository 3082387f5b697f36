"""News of other processes' writes to PostgreSQL, by LISTEN and NOTIFY."""

from __future__ import annotations

import logging
import os
import selectors
import threading
from typing import TYPE_CHECKING, Any

import psycopg2

from changemaker_core.db.work import NOTHING, join_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.context import Tables

logger = logging.getLogger(__name__)

CHANNEL = "changemaker_tables"
#: Notified in place of a list of tables when any may have been written.
ANY_TABLE = "*"
_RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0)
_STOP_SECONDS = 10.0


class Listener:
    """A thread with a connection that listens, and connects anew when that is lost.

    What was missed in between is not known, so a loss announces that anything may have changed,
    and so does the return.
    """

    def __init__(
        self,
        url: str,
        is_own: Callable[[int], bool],
        announce: Callable[[Tables], None],
    ) -> None:
        self._url = url
        self._is_own = is_own
        self._announce = announce
        self._thread: threading.Thread | None = None
        self._stop_reader = self._stop_writer = -1
        self._heard_first = threading.Event()
        #: Whether it should listen and cannot.
        self.is_deaf = False

    def start(self) -> None:
        """Start the thread; returns once it listens, or failed to."""
        if self._thread is not None:
            return
        self._stop_reader, self._stop_writer = os.pipe()
        self._heard_first.clear()
        self.is_deaf = True
        self._thread = threading.Thread(target=self._loop, name="postgresql-listener", daemon=True)
        self._thread.start()
        self._heard_first.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """End the thread."""
        if self._thread is None:
            return
        os.write(self._stop_writer, b"x")
        self._thread.join(_STOP_SECONDS)
        self._thread = None
        self.is_deaf = False
        os.close(self._stop_reader)
        os.close(self._stop_writer)

    def _loop(self) -> None:
        failures = 0
        while True:
            try:
                if self._listen():
                    return
                failures = 0
            except psycopg2.Error as error:
                logger.warning("cannot listen to changes of the database: %s", str(error).strip())
            self.is_deaf = True
            self._heard_first.set()
            self._announce(None)
            wait = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
            failures += 1
            if self._is_stopped(wait):
                return

    def _listen(self) -> bool:
        """Listen until told to stop (True); raises when the connection is lost."""
        connection = psycopg2.connect(self._url, application_name="changemaker listener")
        try:
            connection.autocommit = True
            connection.cursor().execute(f"LISTEN {CHANNEL}")
            self.is_deaf = False
            self._announce(None)
            self._heard_first.set()
            while True:
                connection.poll()
                self._deliver(connection)
                if self._is_stopped(None, connection):
                    return True
        finally:
            connection.close()

    def _is_stopped(self, seconds: float | None, *also: Any) -> bool:
        """Wait for a word to stop, for ``seconds``, or for the connection."""
        with selectors.DefaultSelector() as selector:
            for source in (self._stop_reader, *also):
                selector.register(source, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(seconds)]
        return self._stop_reader in ready

    def _deliver(self, connection: Any) -> None:
        news = [note.payload for note in connection.notifies if not self._is_own(note.pid)]
        connection.notifies.clear()
        written = join_tables(
            None if payload == ANY_TABLE else frozenset(payload.split(",")) for payload in news
        )
        if written != NOTHING:
            self._announce(written)
