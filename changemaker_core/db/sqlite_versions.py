"""How processes on one SQLite file learn which tables the others wrote.

``core_table_version`` holds a number for each table, raised by the transaction that writes it.
``PRAGMA data_version`` says, in 3 µs, whether anybody else committed at all.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from changemaker_core.db.work import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core.db.context import Tables

#: The name under which a write is recorded whose tables are not known.
ANY_TABLE = "*"
_STAMP = (
    "INSERT INTO core_table_version (name, version) VALUES (?, 1)"
    " ON CONFLICT (name) DO UPDATE SET version = version + 1 RETURNING version"
)


def has_versions(connection: Any) -> bool:
    """Whether core's first migration has run."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'core_table_version'"
    )
    return found.fetchone() is not None


def stamp_versions(connection: Any, tables: Tables) -> dict[str, int]:
    """Record a write to ``tables``, in the transaction that makes it."""
    names = [ANY_TABLE] if tables is None else sorted(tables)
    return {name: connection.execute(_STAMP, (name,)).fetchall()[0][0] for name in names}


class VersionWatcher:
    """Compares the numbers with those it saw last. May be asked from any thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._data_version = -1
        self._known: dict[str, int] | None = None

    def check(self) -> Tables:
        """The tables that were written since the last call and not by this process."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version == self._data_version:
                return NOTHING
            self._data_version = version
            return self._compare(self._connection)

    def _compare(self, connection: sqlite3.Connection) -> Tables:
        before, self._known = self._known, self._read(connection)
        if before is None or self._known is None:
            return None
        changed = {name for name, version in self._known.items() if before.get(name) != version}
        return None if ANY_TABLE in changed else frozenset(changed)

    def _read(self, connection: sqlite3.Connection) -> dict[str, int] | None:
        try:
            rows = connection.execute("SELECT name, version FROM core_table_version").fetchall()
        except sqlite3.OperationalError:
            if has_versions(connection):
                raise
            return None  # not migrated yet: every change may be to any table
        return dict(rows)

    def expect(self, versions: Mapping[str, int]) -> None:
        """This process wrote these itself and announces them itself.

        Only the very next number is taken as its own: where another process wrote in between,
        the table is still reported.
        """
        with self._lock:
            if self._known is None:
                return
            for name, version in versions.items():
                if version == self._known.get(name, 0) + 1:
                    self._known[name] = version
