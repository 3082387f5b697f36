"""What a backup says about itself: ``manifest.json``, the first file of the archive.

An archive has these parts, in this order:

- ``manifest.json``, by which a restore decides whether it can go on;
- ``database/site.sqlite`` or ``database/site.dump``;
- ``site/…``: the files of the site's folder; ``elsewhere/…``: those that lie outside of it, and
  that the configuration names;
- ``SHA256SUMS``, by which the archive proves to be whole. ``sha256sum --check`` reads it too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from changemaker_core.backups.errors import BackupError

#: The version of what is described above. A restore refuses a later one.
FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
SITE: Final = "site"
ELSEWHERE: Final = "elsewhere"
#: The file of each database.
DATABASES: Final = {"sqlite": "database/site.sqlite", "postgresql": "database/site.dump"}
#: How many bytes files may have grown by, in all, since they were counted for the manifest.
GROWTH: Final = 64 * 1024 * 1024
#: The largest ``manifest.json`` that is read, in bytes.
MOST_BYTES: Final = 16 * 1024 * 1024


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A database at the moment of the backup: rows by table, names of migrations by plugin."""

    dialect: Literal["sqlite", "postgresql"]
    version: str
    rows: dict[str, int]
    migrations: dict[str, list[str]]


class PluginFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plugin that the site had loaded."""

    name: str
    version: str | None
    distribution: str | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``elsewhere`` has the path of each file outside of the site's folder, by its name in the
    archive; ``entries`` is how many files and folders there are besides the two lists, and
    ``bytes`` the size of all of them, as they were counted before they were read."""

    format: int
    made_at: datetime
    base_url: str
    folder: str
    core_version: str | None
    plugins: list[PluginFacts]
    database: DatabaseFacts
    elsewhere: dict[str, str]
    entries: int
    bytes: int


class _OnlyFormat(msgspec.Struct):
    """What every version of the manifest has."""

    format: int


def encode(manifest: Manifest) -> bytes:
    """Return the text of ``manifest.json``."""
    return msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"


def decode(text: bytes) -> Manifest:
    """Return a manifest. Raises ``BackupError`` for another format, and for no manifest."""
    try:
        version = msgspec.json.decode(text, type=_OnlyFormat).format
        if version > FORMAT:
            raise BackupError(
                f"This backup has format {version}, of a later version of changemaker-core; the "
                f"installed one reads formats up to {FORMAT}. Upgrade changemaker-core."
            )
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"{MANIFEST} of the backup is not valid: {error}.") from error
