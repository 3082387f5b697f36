"""SQLite: one moment of the file, copied while the site writes to it."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from changemaker_core.backups.databases.facts import read_facts
from changemaker_core.backups.errors import BackupError
from changemaker_core.config.site_files import create_private
from changemaker_core.db.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.backups.manifest import DatabaseFacts

#: Pages that are copied between two reports of progress: some 8 MB.
_PAGES = 2048
_SECONDS = 10.0
#: How many rows that refer to no row an error names.
_NAMED = 3


def copy_sqlite(path: Path, into: Path, on_progress: Callable[[int, int], None]) -> DatabaseFacts:
    """Copy the database at ``path`` into a new file, and return what the copy has.

    Raises ``BackupError`` for a missing or damaged database. ``on_progress`` is called with the
    copied and all pages.
    """
    if not path.is_file():
        raise BackupError(f"The database {path} does not exist. `changemaker migrate` creates it.")
    create_private(into)
    try:
        _copy(path, into, on_progress)
        with _opened(into) as copy:
            _refuse_damage(copy, path)
            facts = sqlite_facts(copy)
    except sqlite3.Error as error:
        raise BackupError(f"The database {path} cannot be copied: {error}.") from error
    return facts


def _copy(path: Path, into: Path, on_progress: Callable[[int, int], None]) -> None:
    with _opened(path, "mode=ro") as source, contextlib.closing(sqlite3.connect(into)) as target:
        target.execute("PRAGMA synchronous = OFF")  # it goes into the archive, which is flushed
        # NOTE(snapshot): in one read transaction. Without, each write of the site, which another
        # connection makes, would have the copy begin again, on a busy site without end.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            target,
            pages=_PAGES,
            progress=lambda _, remaining, total: on_progress(total - remaining, total),
        )


def _refuse_damage(copy: sqlite3.Connection, path: Path) -> None:
    """Raise for a damaged file: its backup would take the place of one that is whole."""
    (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise BackupError(
            f"The database {path} is damaged: {' '.join(found.split())}.\n"
            "No backup was made, and no earlier one was removed. Restore the last good one."
        )


def sqlite_facts(connection: sqlite3.Connection) -> DatabaseFacts:
    """Return what a backup records of an open database."""

    def run(sql: str) -> list[Any]:
        return connection.execute(sql).fetchall()

    return read_facts(run, "sqlite", sqlite3.sqlite_version)


def check_sqlite(path: Path) -> DatabaseFacts:
    """Return what the database at ``path`` has. Raises ``BackupError`` for a damaged one."""
    try:
        with _opened(path) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise BackupError(f"The restored database is damaged: {' '.join(found.split())}.")
            return sqlite_facts(connection)
    except sqlite3.Error as error:
        raise BackupError(f"The restored database cannot be read: {error}.") from error


def orphans(path: Path) -> list[str]:
    """Return the rows that refer to no row, as words, the first few of them."""
    with _opened(path) as connection:
        rows = connection.execute("PRAGMA foreign_key_check").fetchmany(_NAMED)
    return [f"row {row} of {table} refers to no row of {parent}" for table, row, parent, _ in rows]


@contextlib.contextmanager
def _opened(path: Path, options: str = "mode=rw") -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path))}?{options}"
    connection = sqlite3.connect(uri, uri=True, timeout=_SECONDS, isolation_level=None)
    with contextlib.closing(connection):
        connection.create_function("core_fold", 1, fold, deterministic=True)
        yield connection
