"""The archives of backups in a folder: their names, and what pages of operators show of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

#: The name of an archive: the site's address, and when it was made.
ARCHIVE_NAME: Final = re.compile(r"changemaker-[A-Za-z0-9._-]+-(\d{8}T\d{6}Z)\.tar\.gz")


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of a backup, by its name; ``size`` is in bytes."""

    name: str
    made_at: datetime
    size: int


def archives_in(folder: Path) -> list[Archive]:
    """Return the archives in a folder, the newest first. Raises ``OSError``."""
    found = []
    for path in folder.iterdir():
        if (match := ARCHIVE_NAME.fullmatch(path.name)) is not None:
            made_at = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found.append(Archive(name=path.name, made_at=made_at, size=path.stat().st_size))
    return sorted(found, key=lambda each: each.made_at, reverse=True)
