"""A directory read from files: a folder of Represent's answers, or one CSV table."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from changemaker_influence.config import SAMPLE
from changemaker_influence.directories.directory import Directory, NobodyKnown
from changemaker_influence.directories.represent_shape import read_answer
from changemaker_influence.directories.representatives import (
    Answer,
    Office,
    Representative,
    one_line,
    representative,
    without_doubles,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAMPLE_FOLDER: Final = Path(__file__).parent.parent / "sample_data"
#: A postal code, or its beginning: ``L5G`` serves all codes that begin with it, ``*`` every code.
_CODES: Final = "postal_code"
_EVERYWHERE: Final = "*"


class FileUnreadable(ValueError):
    """The directory's file is not there, or is no table of representatives."""


class FileDirectory(Directory):
    """Representatives from ``path``: a folder with a ``L5G4L3.json`` for each postal code, in the
    shape of Represent's answers, or a CSV file (UTF-8, with a header) with the columns
    ``postal_code, name, elected_office`` and as many as wanted of ``email, district_name,
    party_name, photo_url, url, tel, postal, city, province, representative_set_name``.
    """

    name = "file"
    #: It is on our own disk already.
    cached = False

    def __init__(self, path: str) -> None:
        self._path = _SAMPLE_FOLDER if path == SAMPLE else Path(path)
        if not self._path.exists():
            raise FileUnreadable(f"there is no {self._path}")
        self._rows = None if self._path.is_dir() else _read_table(self._path)

    async def find(self, code: str) -> Answer:
        if self._rows is None:
            return await asyncio.to_thread(self._find_in_folder, code)
        return _find_in_table(self._rows, code)

    def _find_in_folder(self, code: str) -> Answer:
        try:
            return read_answer((self._path / f"{code}.json").read_bytes())
        except FileNotFoundError:
            raise NobodyKnown("no file for this code") from None


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, restkey="", restval="")
        missing = {_CODES, "name", "elected_office"} - set(table.fieldnames or ())
        if missing:
            raise FileUnreadable(f"{path}: no column {', '.join(sorted(missing))}")
        return [{**row, _CODES: row[_CODES].replace(" ", "").upper()} for row in table]


def _find_in_table(rows: list[dict[str, str]], code: str) -> Answer:
    serving = [row for row in rows if _serves(row[_CODES], code)]
    if not serving:
        raise NobodyKnown("no row for this code")
    return Answer(
        city=one_line(next((row["city"] for row in serving if row.get("city")), "")),
        province=one_line(next((row["province"] for row in serving if row.get("province")), "")),
        representatives=without_doubles(map(_person, serving)),
    )


def _serves(prefix: str, code: str) -> bool:
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
