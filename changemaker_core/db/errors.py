"""Exceptions of the database room. Errors of the database itself stay peewee's."""

from __future__ import annotations

import sqlite3
import traceback
from typing import TYPE_CHECKING

import peewee

from changemaker_core.plugin.places import author_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from changemaker_core.db.migrations.folders import Step

#: PostgreSQL's code for a write in a transaction that is for reading.
_READ_ONLY_TRANSACTION = "25006"


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


class WriteInRead(peewee.ProgrammingError):
    """Something was written inside of ``db.read()``, where nothing can be."""

    def __init__(self, place: str) -> None:
        at = f" ({place})" if place else ""
        super().__init__(f"this code writes inside of db.read(){at}; call it by db.write()")


class BlockingCall(RuntimeError):
    """``db.sync`` was used on the event loop, which serves every other request as well."""

    def __init__(self, place: str) -> None:
        at = f" ({place})" if place else ""
        super().__init__(
            f"db.sync is for jobs and commands; on the event loop{at} it would hold up every"
            " request: use `await site.db…`"
        )


class DatabaseClosed(RuntimeError):
    """The database was used after ``close()``."""

    def __init__(self) -> None:
        super().__init__("the database is closed")


class DatabaseUnavailable(peewee.OperationalError):
    """The database cannot be reached now, or the connection was lost on the way.

    A write that raises it was perhaps committed, if the connection was lost at the very end.
    """


class DatabaseDiskFailed(DatabaseUnavailable):
    """The database had no room for what was written, or its disk fails. Smaller writes may work."""


class DatabaseRefused(Exception):
    """The database can be reached, and cannot be a site's. Nothing was changed.

    Its encoding is another than UTF-8, or it is the database of another program.
    """


class QueryRefused(TypeError):
    """A compiled query is written in a way that could return wrong rows."""


class InvalidId(ValueError):
    """A text other than a UUID was used where an id is expected."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} is not an id (a UUID)")


class RowNotFound(LookupError):
    """``get`` found no row. A request that raises it gets a 404."""

    def __init__(self, query: str) -> None:
        super().__init__(f"{query} found no row")


class NaiveDatetime(ValueError):
    """A datetime without a time zone was given to a column of points in time."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} has no time zone; use an aware datetime such as tx.now")


class MomentOutOfRange(ValueError):
    """A datetime has an offset that leads beyond the years 1 to 9999 in UTC."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} is no point in time between the years 1 and 9999 in UTC")


class LimitReached(Exception):
    """A sliding window is full.

    ``retry_after`` is how long to wait until the refused amount fits again; at most ``limit`` fit
    in a ``period``, where the limit is such a window.
    """

    def __init__(
        self,
        name: str,
        retry_after: timedelta,
        *,
        limit: int | None = None,
        period: timedelta | None = None,
    ) -> None:
        self.name = name
        self.retry_after = retry_after
        self.limit = limit
        self.period = period
        super().__init__(f"the limit {name!r} is reached; retry after {retry_after}")


class MigrationFailed(Exception):
    """A migration raised. Its own transaction was rolled back; earlier ones stay applied.

    ``path`` and ``line`` are where in the migration's file, None where it was not reached.
    """

    def __init__(
        self, step: Step, path: Path | None, problem: BaseException, undone: bool = True
    ) -> None:
        self.plugin = step.plugin
        self.path = path
        self.line = None if path is None else line_in(path, problem)
        place = f" at {path}" if path else ""
        place += f", line {self.line}" if self.line else ""
        rest = (
            "What it did was undone; earlier migrations stay applied."
            if undone
            else "It has `atomic = False`: what it did before that line stays."
        )
        reason = " ".join(str(problem).split())
        super().__init__(f"{step} failed{place}: {type(problem).__name__}: {reason}\n{rest}")


class MigrationsRefused(Exception):
    """The migrations cannot be applied as they are. Nothing was done."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(problems))


class DatabaseAhead(Exception):
    """The database has migrations that the installed code does not have. Nothing was done."""

    def __init__(self, steps: Sequence[str]) -> None:
        self.steps = list(steps)
        super().__init__(
            f"The database is ahead of the installed code: {', '.join(steps)}.\n"
            "Install the packages that contain these migrations, or restore an earlier backup."
        )


def line_in(path: Path, problem: BaseException) -> int | None:
    """Return the last line of a file that an exception went through."""
    if isinstance(problem, SyntaxError) and problem.filename == str(path):
        return problem.lineno
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, the one that it was raised from or while handling, and so on."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def as_mistake(error: BaseException) -> BaseException:
    """Return what a read raised; a write in it as the mistake that it is."""
    for each in (error, error.__cause__, error.__context__):
        sqlite_code = getattr(each, "sqlite_errorcode", None)
        pg_code = getattr(each, "pgcode", None)
        if sqlite_code == sqlite3.SQLITE_READONLY or pg_code == _READ_ONLY_TRANSACTION:
            mistake = WriteInRead(author_place(error.__traceback__))
            mistake.__cause__ = error
            return mistake
    return error


def as_peewee_error(error: Exception) -> Exception:
    """Return the driver's exception as peewee's class of that name; any other as it is."""
    if isinstance(error, peewee.PeeweeException):
        return error
    for each in type(error).__mro__:  # PostgreSQL's driver has a class for each of many codes
        kind = getattr(peewee, each.__name__, None)
        if isinstance(kind, type) and issubclass(kind, peewee.PeeweeException):
            known: Exception = kind(error, *error.args)
            known.__cause__ = error
            return known
    return error
