"""Versions of tables, by which processes on one SQLite file learn what the others wrote.

Each commit has a number, one more than the last, and ``core_table_version`` has for each table, or
part of its rows, the commit that wrote it last. ``PRAGMA data_version`` shows, in 3 µs, whether
another connection committed at all.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from changemaker_core.db.tracking import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.tracking import Tags

#: The name under which a write is recorded that may have been to any table.
ANY_TABLE = "*"
#: The number of a commit that wrote nothing.
NO_COMMIT = 0
_NEXT = "SELECT coalesce(max(version), 0) + 1 FROM core_table_version"
_SINCE = "SELECT name, version FROM core_table_version WHERE version >= ?"
_STAMP = (
    "INSERT INTO core_table_version (name, version) SELECT value, ? FROM json_each(?) WHERE true"
    " ON CONFLICT (name) DO UPDATE SET version = excluded.version"
)


def has_versions(connection: Any) -> bool:
    """Return whether core's first migration has run."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'core_table_version'"
    )
    return found.fetchone() is not None


def stamp_versions(connection: Any, written: Tags) -> int:
    """Record what the running transaction writes, and return its number.

    Does nothing before core's first migration.
    """
    if not has_versions(connection):
        return NO_COMMIT
    names = [ANY_TABLE] if written is None else sorted(written)
    number: int = connection.execute(_NEXT).fetchone()[0]
    connection.execute(_STAMP, (number, json.dumps(names)))
    return number


class VersionWatcher:
    """Looks for commits after the last one that it knows. Usable from any thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._data_version = -1
        #: The number of the last commit that is known; None where nothing is.
        self._known: int | None = None

    def check(self) -> Tags:
        """Return what was written since the last call, and not by this process."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version == self._data_version:
                return NOTHING
            self._data_version = version
            return self._compare(self._connection)

    def _compare(self, connection: sqlite3.Connection) -> Tags:
        before = self._known
        newer = self._read(connection, before or 0)
        self._known = max(newer.values(), default=0) if newer is not None else None
        # The last known commit is still the last of something, unless the numbers went back, as
        # where an older copy was restored.
        if before is None or newer is None or self._known is None or self._known < before:
            return None
        changed = frozenset(name for name, number in newer.items() if number > before)
        return None if ANY_TABLE in changed else changed

    def _read(self, connection: sqlite3.Connection, since: int) -> dict[str, int] | None:
        """Return what commit ``since`` and later ones wrote; None where commits have no numbers."""
        try:
            rows = connection.execute(_SINCE, (since,)).fetchall()
        except sqlite3.OperationalError:
            if has_versions(connection):
                raise
            return None  # not migrated yet: every change may be to any table
        return dict(rows)

    def expect(self, number: int) -> None:
        """Skip the commit ``number``: this process made it, and notifies of it by itself.

        Only the very next number is skipped: where another process wrote in between, everything is
        reported, the own commit as well.
        """
        with self._lock:
            if self._known is not None and number == self._known + 1:
                self._known = number
