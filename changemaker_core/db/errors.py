"""Exceptions of the database room. Errors of the database itself stay peewee's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

if TYPE_CHECKING:
    from datetime import timedelta


class OutsideUnitOfWork(RuntimeError):
    """A model or a bound query was used outside of ``db.read()`` and ``db.write()``."""

    def __init__(self, what: str = "A model was used") -> None:
        super().__init__(f"{what} outside of db.read() or db.write(): there is no current database")


class NestedUnitOfWork(RuntimeError):
    """A unit of work was begun inside of another one on the same database."""

    def __init__(self) -> None:
        super().__init__(
            "this code already runs inside of db.read() or db.write(); call the function directly"
        )


class DatabaseClosed(RuntimeError):
    """The database was used after ``close()``."""

    def __init__(self) -> None:
        super().__init__("the database is closed")


class DatabaseUnavailable(peewee.OperationalError):
    """The database cannot be reached now, or the connection was lost on the way.

    A write that raises it was perhaps committed, if the connection was lost at the very end.
    """


class QueryRefused(TypeError):
    """A compiled query is written in a way that could return wrong rows."""


class InvalidId(ValueError):
    """A text other than a UUID was used where an id is expected."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} is not an id (a UUID)")


class NaiveDatetime(ValueError):
    """A datetime without a time zone was given to a column of points in time."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} has no time zone; use an aware datetime such as tx.now")


class LimitReached(Exception):
    """A sliding window is full.

    ``retry_after`` is how long to wait until the refused amount fits again.
    """

    def __init__(self, name: str, retry_after: timedelta) -> None:
        self.name = name
        self.retry_after = retry_after
        super().__init__(f"the limit {name!r} is reached; retry after {retry_after}")


class MigrationFailed(Exception):
    """A migration raised. Its own transaction was rolled back; earlier ones stay applied."""

    def __init__(self, plugin: str, problem: BaseException) -> None:
        self.plugin = plugin
        super().__init__(f"a migration of {plugin} failed: {problem}")


def as_peewee_error(error: Exception) -> Exception:
    """Return the driver's exception as peewee's class of that name."""
    for each in type(error).__mro__:  # PostgreSQL's driver has a class for each of many codes
        kind = getattr(peewee, each.__name__, None)
        if isinstance(kind, type) and issubclass(kind, peewee.PeeweeException):
            known: Exception = kind(error, *error.args)
            known.__cause__ = error
            return known
    return error
