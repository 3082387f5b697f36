"""Files and folders of a site: nobody but its own user can open them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What group and others may do.
OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FOLDER, _FILE = 0o700, 0o600
#: The file in a site's folder ``run`` whose time says when a process last met a proxy on its
#: machine that is not configured.
HIDDEN_PROXY = "hidden-proxy"
#: Seconds that a process waits for a lock that others hold for moments.
LOCK_SECONDS = 5.0
#: Seconds in which a new scratch folder is locked by its process.
_NEW = 60.0


def keep_private() -> None:
    """Let this process create files and folders for its own user alone.

    For processes that are a site's own. In another app's process, the functions below do the same
    for core's files.
    """
    os.umask(os.umask(OTHERS) | OTHERS)


def private_folder(path: Path) -> Path:
    """Create a folder, and those above it that are missing. Return it."""
    if not path.is_dir():
        if not path.parent.is_dir():
            private_folder(path.parent)
        path.mkdir(mode=_FOLDER, exist_ok=True)
    return path


def is_full(error: OSError) -> bool:
    """Whether an error says that nothing more can be stored."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def create_private(path: Path) -> None:
    """Create an empty file if there is none. Errors are left to whoever opens it next.

    For SQLite, which would create it after the umask, and gives the files beside a database its
    mode. NOTE(locks): an existing file must not be opened, since closing it releases the locks
    that SQLite has on it in this process.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE))


def open_private(path: Path, flags: int) -> int:
    """Return the descriptor of a file, which ``flags`` may create. Raise ``OSError``.

    A file of ours that others can open is closed to them: whoever can open a file that is locked
    can hold the lock, and stop every process of the site. A link is not followed.
    """
    handle = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "Not a file", str(path))
        if found.st_mode & OTHERS and found.st_uid == os.geteuid():
            os.fchmod(handle, _FILE)
    except BaseException:
        os.close(handle)
        raise
    return handle


def lock_file(handle: int, operation: int, path: Path) -> None:
    """Lock an open file as ``flock(2)`` does, ``LOCK_EX`` or ``LOCK_SH``, until it is closed.

    For locks that are held for moments. Raise ``TimeoutError`` after ``LOCK_SECONDS``: a process
    that was stopped while it had the lock would stop all others.
    """
    until, pause = time.monotonic() + LOCK_SECONDS, 0.001
    while True:
        try:
            fcntl.flock(handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError(
                    errno.ETIMEDOUT,
                    f"another process has had this file locked for {LOCK_SECONDS:g} s",
                    str(path),
                ) from None
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, survive a power cut from now on."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Return a folder in ``parent``, which is deleted at the end.

    By default that is the folder of the system's temporary files. It is locked meanwhile, so that
    the next process can tell what a killed one left behind, and deletes it.
    """
    _delete_left(prefix, parent or Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(handle)


def _delete_left(prefix: str, parent: Path) -> None:
    for path in parent.glob(f"{prefix}*"):
        # Everybody may create files in /tmp: what is another's, or a link, is not ours to follow.
        with contextlib.suppress(OSError):
            found = path.lstat()
            old = time.time() - found.st_mtime > _NEW
            if old and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                _delete_unlocked(path)


def _delete_unlocked(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(handle)
