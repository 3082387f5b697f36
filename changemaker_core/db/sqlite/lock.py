"""The lock by which the processes of a machine take turns to write to a SQLite file."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from changemaker_core.config.site_files import open_private
from changemaker_core.db.dialects import BUSY_SECONDS
from changemaker_core.db.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class FileLock:
    """``flock`` on a file of its own: one holder at a time among all processes of a machine.

    The kernel releases it when its holder dies, however it dies. The file stays in place. Two
    threads need a lock each.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    @contextmanager
    def held(self, late: Callable[[], None] | None = None) -> Iterator[None]:
        """Wait for the lock, and hold it. The file stays open for the next time.

        ``late`` is called each time that ``BUSY_SECONDS`` pass meanwhile, on a thread of its own.
        """
        if self._handle is None:
            try:
                self._handle = open_private(self._path, os.O_RDWR | os.O_CREAT)
            except OSError as error:
                raise DatabaseUnavailable(f"{self._path} cannot be opened: {error}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with _calling(late):
                fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _calling(late: Callable[[], None] | None) -> Iterator[None]:
    """Call ``late`` each time that ``BUSY_SECONDS`` pass."""
    if late is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(BUSY_SECONDS):
            late()

    # A thread, since nothing else ends the wait for a lock whose holder hangs.
    threading.Thread(target=watch, name="sqlite-lock-watch", daemon=True).start()
    try:
        yield
    finally:
        done.set()
