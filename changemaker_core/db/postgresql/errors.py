"""What an error of PostgreSQL means: that it is unavailable now, or an error of the statement."""

from __future__ import annotations

import peewee
import psycopg2

from changemaker_core.db.errors import DatabaseDiskFailed, DatabaseUnavailable

#: A server that responds, and cannot do what is wanted now: it starts or stops (57P0x), its disk
#: fails (58030), another transaction keeps a lock (55P03) or waits for one of ours (40P01).
_UNAVAILABLE = frozenset({"57P01", "57P02", "57P03", "58030", "55P03", "40P01"})
#: It has no room, memory or connection left.
_RESOURCES = "53"
#: Its disk is full, or fails.
_OF_DISK = frozenset({"53100", "58030"})
#: It was made a replica by a failover. Where a read tries to write, the code is wrong.
_READ_ONLY = "25006"
#: The last: of a server that refuses a session in another encoding.
_OF_SERVER = (peewee.PeeweeException, psycopg2.Error, UnicodeDecodeError)


def as_unavailable(error: BaseException, is_lost: bool, *, writes: bool) -> BaseException:
    """Return ``DatabaseUnavailable`` where ``error`` means that, or ``error`` itself.

    ``is_lost``: whether the connection is lost; ``writes``: whether a write failed.
    """
    if not isinstance(error, _OF_SERVER):
        return error
    state = sqlstate(error) or ""
    cannot = state in _UNAVAILABLE or state.startswith(_RESOURCES)
    if not (is_lost or cannot or (writes and state == _READ_ONLY)):
        return error
    kind = DatabaseDiskFailed if state in _OF_DISK else DatabaseUnavailable
    unavailable = kind(message_of(error))
    unavailable.__cause__ = error
    return unavailable


def message_of(error: BaseException) -> str:
    """Return the server's message, also where it cannot be decoded."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode(errors="replace").strip()
    return str(error).strip()


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code; peewee has the driver's error as cause or context of its own."""
    for each in (error, error.__cause__, error.__context__, getattr(error, "orig", None)):
        if isinstance(each, psycopg2.Error):
            return each.pgcode
    return None
