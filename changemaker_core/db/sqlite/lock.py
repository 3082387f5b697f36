"""The lock by which the processes of a machine take turns to write to a SQLite file."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.config.site_files import open_private
from changemaker_core.db.dialects import BUSY_SECONDS
from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.db.sqlite.errors import cannot_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


class FileLock:
    """``flock`` on a file of its own: one holder at a time among all processes of a machine.

    The kernel releases it when its holder dies, however it dies. The file stays in place. Two
    threads need a lock each.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    @contextmanager
    def held(
        self, late: Callable[[], None] | None = None, *, within: float | None = None
    ) -> Iterator[None]:
        """Wait for the lock, and hold it. The file stays open for the next time.

        ``late`` is called each time that ``BUSY_SECONDS`` pass meanwhile, on a thread of its own.
        Raise ``DatabaseUnavailable`` where the file cannot be opened, and after ``within`` seconds.
        """
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if within is None:
                with _calling(late):
                    fcntl.flock(handle, fcntl.LOCK_EX)
            else:
                self._wait(_Wait(handle), within)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _wait(self, wait: _Wait, within: float) -> None:
        if wait.is_over(min(within, BUSY_SECONDS)):
            return
        if within > BUSY_SECONDS:  # a person may look at a command that does nothing
            logger.warning("waiting for %s, which has locked %s", self.holder(), self._path)
            if wait.is_over(within - BUSY_SECONDS):
                return
        if wait.is_given_up():
            self._handle = None  # closed by the thread that still waits
            raise DatabaseUnavailable(
                f"{self._path} is locked by {self.holder()}, and was not released in {within:g} s"
            )

    def _open(self) -> int:
        if self._handle is None:
            try:
                self._handle = open_private(self._path, os.O_RDWR | os.O_CREAT)
            except OSError as error:
                raise cannot_open(self._path, error) from error
        return self._handle

    def holder(self) -> str:
        """Return who has the lock, for an error: ``process 4711 (python3) of anna``."""
        try:
            return _described(_holding_process(self._path))
        except (OSError, ValueError):  # the system does not tell, or the process has ended
            return "another process"

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Wait:
    """A thread that waits for a lock, since nothing else ends that wait but the lock itself."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._deciding = threading.Lock()
        self._locked = threading.Event()
        self._given_up = False
        threading.Thread(target=self._run, name="sqlite-lock-wait", daemon=True).start()

    def _run(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._deciding:
            if self._given_up:
                os.close(self._handle)
            else:
                self._locked.set()

    def is_over(self, seconds: float) -> bool:
        """Return whether the lock is taken within some seconds."""
        return self._locked.wait(seconds)

    def is_given_up(self) -> bool:
        """Return False where the lock was just taken; else the file is closed once it is."""
        with self._deciding:
            self._given_up = not self._locked.is_set()
        return self._given_up


def _holding_process(path: Path) -> int:
    """Return the number of the process that holds the lock. Raise ``OSError`` or ``ValueError``.

    Linux lists locks in ``/proc/locks``: ``1: FLOCK ADVISORY WRITE 4711 fd:01:123456 0 EOF``.
    """
    found = path.stat()
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5] == device and int(words[4]) > 0:
            return int(words[4])
    raise ValueError("not listed")


def _described(process: int) -> str:
    folder = Path("/proc") / str(process)
    name = (folder / "comm").read_text(errors="replace").strip()
    owner = folder.stat().st_uid
    if owner == os.geteuid():
        return f"process {process} ({name})"
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = f"user {owner}"
    return f"process {process} ({name}) of {user}"


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
