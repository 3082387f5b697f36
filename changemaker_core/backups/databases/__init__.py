"""Copy a database into a backup, and load one from it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

_SQLITE = "sqlite:///"


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other."""
    return Path(unquote(url.removeprefix(_SQLITE))) if url.startswith(_SQLITE) else None
