"""A SQLite file before its first use in a process."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from changemaker_core.config.site_files import create_private
from changemaker_core.db.dialects import BUSY_SECONDS
from changemaker_core.db.errors import DatabaseRefused
from changemaker_core.db.sqlite.errors import cannot_open

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

#: How many tables of another program an error names.
NAMED = 3
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


def prepare_file(path: Path) -> None:
    """Create the file if it is missing, and switch it to write-ahead logging.

    Raise ``DatabaseUnavailable`` for what is no database, or a damaged one, and ``DatabaseRefused``
    for another program's. These are left as they are.
    """
    create_private(path)
    try:
        # Its first statement reads the head of the file, and so do the tables.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        with contextlib.closing(connection):
            tables = {name for (name,) in connection.execute(_TABLES)}
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                refuse_foreign(path, tables)
                connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise cannot_open(path, error) from error


def refuse_foreign(path: Path, tables: Collection[str]) -> None:
    """Raise ``DatabaseRefused`` for a database whose tables are none of a site's.

    Those of SQLite itself and of programs that back the file up do not count.
    """
    others = sorted(name for name in tables if not name.startswith(("_", "sqlite_")))
    if not others or any(name.startswith("core_") for name in others):
        return
    names, more = others[:NAMED], len(others) - NAMED
    shown = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    raise DatabaseRefused(
        f"{path} is the database of another program: it has the tables {shown}, and none of a "
        "site's.\nSet database_url to a file of its own: sqlite:///site.db"
    )
