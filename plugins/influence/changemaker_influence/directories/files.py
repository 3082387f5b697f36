"""A directory in files: a folder of Represent's responses, or one CSV table."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_influence.config import SAMPLE
from changemaker_influence.directories import postal_codes
from changemaker_influence.directories.directory import Directory
from changemaker_influence.directories.errors import DirectoryUnavailable, PostalCodeUnknown
from changemaker_influence.directories.people_table import PeopleTable
from changemaker_influence.directories.represent_format import (
    MAX_BYTES,
    NotRepresentFormat,
    read_entry,
)
from changemaker_influence.directories.representatives import DirectoryEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE_FOLDER: Final = Path(__file__).parent.parent / "sample_data"
#: Files of a folder that ``changemaker doctor`` looks at.
_MAX_CHECKED: Final = 10_000


class FileUnreadable(ValueError):
    """The directory's file does not exist, or is not a table of representatives."""


class FileDirectory(Directory):
    """Representatives from ``path``: a folder with a ``L5G4L3.json`` for each postal code, in the
    format of Represent's responses, or a CSV file with the columns of ``PeopleTable``.

    ``problems`` says what of a table could not be used.
    """

    name = "file"
    #: The files are on this machine's own disk.
    cached = False

    def __init__(self, path: str) -> None:
        self._path = _SAMPLE_FOLDER if path == SAMPLE else Path(path)
        self._table: PeopleTable | None = None
        if self._path.is_dir():
            return
        try:
            with self._path.open("rb") as file:
                self._table = PeopleTable(file)
        except FileNotFoundError:
            raise FileUnreadable(f"{self._path} does not exist") from None
        except OSError as error:
            raise FileUnreadable(f"{self._path}: {error.strerror}") from None
        except ValueError as error:
            raise FileUnreadable(f"{self._path}: {error}") from None

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the table was left out, with the numbers of its rows."""
        return self._table.problems if self._table is not None else ()

    def search_page(self, locale: str) -> str:
        return postal_codes.search_page(locale)

    async def find(self, code: str) -> DirectoryEntry:
        if self._table is None:
            return await asyncio.to_thread(self._find_in_folder, code)
        found = self._table.find(code)
        if found is None:
            raise PostalCodeUnknown("no row for this code")
        return found

    def entries(self) -> Iterator[DirectoryEntry]:
        if self._table is not None:
            yield self._table.all_people()
            return
        for path in islice(sorted(self._path.glob("*.json")), _MAX_CHECKED):
            try:
                entry = _read_file(path)
            except (OSError, NotRepresentFormat) as error:
                entry = DirectoryEntry(problems=(str(error),))
            problems = tuple(f"{path.name}: {problem}" for problem in entry.problems)
            yield msgspec.structs.replace(entry, problems=problems)

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
