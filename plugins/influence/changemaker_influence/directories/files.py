"""A directory in files: a folder of Represent's responses, or one CSV table."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from changemaker_influence.config import SAMPLE
from changemaker_influence.directories.directory import Directory
from changemaker_influence.directories.errors import DirectoryUnavailable, PostalCodeUnknown
from changemaker_influence.directories.represent_format import (
    MAX_BYTES,
    NotRepresentFormat,
    read_entry,
)
from changemaker_influence.directories.representatives import (
    DirectoryEntry,
    Office,
    Representative,
    deduplicated,
    representative,
    single_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAMPLE_FOLDER: Final = Path(__file__).parent.parent / "sample_data"
#: The column of a postal code or its beginning: ``L5G`` covers all codes that begin with it, ``*``
#: every code.
_CODE_COLUMN: Final = "postal_code"
_EVERYWHERE: Final = "*"


class FileUnreadable(ValueError):
    """The directory's file does not exist, or is not a table of representatives."""


class FileDirectory(Directory):
    """Representatives from ``path``: a folder with a ``L5G4L3.json`` for each postal code, in the
    format of Represent's responses, or a CSV file (UTF-8, with a header) with the columns
    ``postal_code, name, elected_office`` and as many as wanted of ``email, district_name,
    party_name, photo_url, url, tel, postal, city, province, representative_set_name``.
    """

    name = "file"
    #: The files are on this machine's own disk.
    cached = False

    def __init__(self, path: str) -> None:
        self._path = _SAMPLE_FOLDER if path == SAMPLE else Path(path)
        if not self._path.exists():
            raise FileUnreadable(f"{self._path} does not exist")
        self._rows = None if self._path.is_dir() else _read_table(self._path)

    async def find(self, code: str) -> DirectoryEntry:
        if self._rows is None:
            return await asyncio.to_thread(self._find_in_folder, code)
        return _find_in_table(self._rows, code)

    def _find_in_folder(self, code: str) -> DirectoryEntry:
        try:
            return _read_file(self._path / f"{code}.json")
        except FileNotFoundError:
            raise PostalCodeUnknown("no file for this code") from None
        except (OSError, NotRepresentFormat) as error:
            # Without the file's name, which is the visitor's postal code: doctor names it.
            what = error.strerror if isinstance(error, OSError) else error
            raise DirectoryUnavailable(f"the file of this code: {what}") from None


def _read_file(path: Path) -> DirectoryEntry:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise NotRepresentFormat(f"more than {MAX_BYTES} bytes")
    return read_entry(content)


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, restkey="", restval="")
        missing = {_CODE_COLUMN, "name", "elected_office"} - set(table.fieldnames or ())
        if missing:
            raise FileUnreadable(f"{path} has no column {', '.join(sorted(missing))}")
        return [{**row, _CODE_COLUMN: row[_CODE_COLUMN].replace(" ", "").upper()} for row in table]


def _find_in_table(rows: list[dict[str, str]], code: str) -> DirectoryEntry:
    covering = [row for row in rows if _covers(row[_CODE_COLUMN], code)]
    if not covering:
        raise PostalCodeUnknown("no row for this code")
    return DirectoryEntry(
        city=single_line(next((row["city"] for row in covering if row.get("city")), "")),
        province=single_line(
            next((row["province"] for row in covering if row.get("province")), "")
        ),
        representatives=deduplicated(map(_person, covering)),
    )


def _covers(prefix: str, code: str) -> bool:
    return prefix == _EVERYWHERE or bool(prefix and code.startswith(prefix))


def _person(row: Mapping[str, str]) -> Representative:
    tel, postal = row.get("tel", ""), row.get("postal", "")
    return representative(
        name=row["name"],
        elected_office=row["elected_office"],
        email=row.get("email", ""),
        district_name=row.get("district_name", ""),
        party_name=row.get("party_name", ""),
        photo_url=row.get("photo_url", ""),
        url=row.get("url", ""),
        offices=[Office(tel=tel, postal=postal)] if tel or postal else (),
        representative_set_name=row.get("representative_set_name", ""),
    )
