"""What an error of SQLite means: that the file cannot be used now, or an error of the statement."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import TYPE_CHECKING

import peewee

from changemaker_core.db.errors import DatabaseDiskFailed, DatabaseUnavailable

if TYPE_CHECKING:
    from pathlib import Path

#: Any statement would have failed: another program holds the file, or it may not be opened, or is
#: damaged, or the disk is full or fails.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
#: Its disk is full, or fails.
_OF_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
#: For files that may not be opened.
_AS_OWNER = "Run this as the user who owns the site's folder, and look at its modes."
_FREE_SPACE = "Free some space on its disk."
#: What an operator can do about a file that cannot be opened.
_FIXES = {
    sqlite3.SQLITE_NOTADB: "Correct database_url, or restore a backup.",
    sqlite3.SQLITE_CORRUPT: "Restore a backup.",
    sqlite3.SQLITE_CANTOPEN: _AS_OWNER,
    sqlite3.SQLITE_READONLY: _AS_OWNER,
    sqlite3.SQLITE_PERM: _AS_OWNER,
    sqlite3.SQLITE_FULL: _FREE_SPACE,
    # Of a full disk, too, where SQLite cannot make the file beside the database.
    sqlite3.SQLITE_IOERR: "Look whether its disk is full (`df`) or fails (`dmesg`).",
}
#: The same for what the system says of a file.
_FIXES_OF_SYSTEM = {
    errno.EACCES: _AS_OWNER,
    errno.EPERM: _AS_OWNER,
    errno.EROFS: "Its file system is mounted read-only: mount it for writing.",
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
}


def as_unavailable(error: BaseException, *, writes: bool) -> BaseException:
    """Return ``DatabaseUnavailable`` where ``error`` means that, or ``error`` itself.

    ``writes``: whether a write failed. Where a read tries to write, the code is wrong.
    """
    if not isinstance(error, (peewee.PeeweeException, sqlite3.Error)):
        return error
    code = _code(error)
    if code in _UNAVAILABLE or (writes and code == sqlite3.SQLITE_READONLY):
        kind = DatabaseDiskFailed if code in _OF_DISK else DatabaseUnavailable
        unavailable = kind(str(error))
        unavailable.__cause__ = error
        return unavailable
    return error


def is_damage(error: BaseException) -> bool:
    """Return whether ``error`` says that the file is damaged."""
    causes = (error, error.__cause__)
    return any(each and _code(each) == sqlite3.SQLITE_CORRUPT for each in causes)


def cannot_open(path: Path, error: sqlite3.Error | OSError) -> DatabaseUnavailable:
    """Return the error for a file that a process cannot begin to use, with what can be done."""
    if isinstance(error, OSError):
        reason, fix = error.strerror or str(error), _FIXES_OF_SYSTEM.get(error.errno or 0, "")
    else:
        reason, fix = str(error), _FIXES.get(_code(error) or 0, "")
    if os.access(path.parent, os.F_OK) and os.statvfs(path.parent).f_flag & os.ST_RDONLY:
        fix = _FIXES_OF_SYSTEM[errno.EROFS]
    return DatabaseUnavailable(f"{path}: {reason}. {fix}".strip())


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary code; peewee has the driver's error as cause or context."""
    for each in (error, error.__cause__, error.__context__, getattr(error, "orig", None)):
        code = getattr(each, "sqlite_errorcode", None)
        if isinstance(code, int):
            return code & 0xFF
    return None
