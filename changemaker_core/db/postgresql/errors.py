"""What an error of PostgreSQL means: that it cannot be reached now, or something of its own."""

from __future__ import annotations

import peewee
import psycopg2

from changemaker_core.db.errors import DatabaseUnavailable

#: A server that answers, and cannot do what is asked of it now: it starts or stops (57P0x), has no
#: connection left (53300), or was made a replica by a failover (25006).
_NOT_NOW = frozenset({"57P01", "57P02", "57P03", "53300", "25006"})
#: The last: of a server that refuses a session in another encoding.
_OF_SERVER = (peewee.PeeweeException, psycopg2.Error, UnicodeDecodeError)


def explain(error: BaseException, is_lost: bool) -> BaseException:
    """``error``, or that the database is unavailable where it is for that.

    ``is_lost`` says whether the connection is.
    """
    if not isinstance(error, _OF_SERVER):
        return error
    if not (is_lost or state_of(error) in _NOT_NOW):
        return error
    unavailable = DatabaseUnavailable(said(error))
    unavailable.__cause__ = error
    return unavailable


def said(error: BaseException) -> str:
    """What a server said, also where its words cannot be decoded."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode(errors="replace").strip()
    return str(error).strip()


def state_of(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, which peewee keeps as the cause or the context of its own."""
    for each in (error, error.__cause__, error.__context__, getattr(error, "orig", None)):
        if isinstance(each, psycopg2.Error):
            return each.pgcode
    return None
