"""A table of representatives, each with the postal codes of the people they represent."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, BinaryIO, Final

from changemaker_core import CsvColumn, Text, read_csv
from changemaker_influence.directories.levels import level_named
from changemaker_influence.directories.postal_codes import normalise_beginning
from changemaker_influence.directories.representatives import (
    DirectoryEntry,
    Office,
    Representative,
    deduplicated,
    representative,
    single_line,
)

if TYPE_CHECKING:
    from changemaker_core import CsvError, CsvRow

COLUMNS: Final = (
    CsvColumn("postal_code", required=True, also=("code postal", "postal codes", "codes postaux")),
    CsvColumn("name", required=True, also=("nom",)),
    CsvColumn("elected_office", required=True, also=("fonction", "poste électif")),
    CsvColumn("email", also=("courriel", "e-mail", "adresse courriel")),
    CsvColumn("district_name", also=("district", "circonscription")),
    CsvColumn("party_name", also=("party", "parti")),
    CsvColumn("photo_url", also=("photo",)),
    CsvColumn("url", also=("site web", "website")),
    CsvColumn("tel", also=("telephone", "téléphone", "phone")),
    CsvColumn("postal", also=("adresse postale", "postal address")),
    CsvColumn("city", also=("ville", "municipalité")),
    CsvColumn("province"),
    CsvColumn("representative_set_name", also=("body", "organe")),
    CsvColumn("level", also=("niveau", "level of government", "palier")),
)
#: The column ``postal_code`` of a person who represents everyone.
_EVERYWHERE: Final = "*"
_BETWEEN_CODES: Final = re.compile(r"[,;/|\n]")


class PeopleTable:
    """The people of a CSV file with the columns ``COLUMNS``. Raises ``CsvError``, a ``ValueError``.

    ``postal_code`` holds codes or their beginnings, ``L5G 4L3, L5H``, or ``*`` for all codes.
    ``problems`` says which rows, or which of their cells, could not be used.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._problems: list[str] = []
        self._people: list[Representative] = []
        self._places: list[tuple[str, str]] = []
        self._by_beginning: defaultdict[str, list[int]] = defaultdict(list)
        table = read_csv(file, COLUMNS, report=self._report)
        if table.ignored:
            self._problems.append(f"unknown columns: {', '.join(table.ignored)}")
        for row in table:
            self._add(row)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be used, with the numbers of its rows."""
        return tuple(self._problems)

    def find(self, code: str) -> DirectoryEntry | None:
        """Return the people whose codes cover ``code``, in the order of the table."""
        beginnings = (_EVERYWHERE, *(code[:length] for length in range(1, len(code) + 1)))
        covering = sorted(
            {index for each in beginnings for index in self._by_beginning.get(each, ())}
        )
        if not covering:
            return None
        cities, provinces = zip(*(self._places[index] for index in covering), strict=True)
        return DirectoryEntry(
            city=next(filter(None, cities), ""),
            province=next(filter(None, provinces), ""),
            representatives=deduplicated(self._people[index] for index in covering),
        )

    def all_people(self) -> DirectoryEntry:
        """Return everyone, with the table's problems."""
        return DirectoryEntry(representatives=tuple(self._people), problems=self.problems)

    def _add(self, row: CsvRow) -> None:
        if not single_line(row["name"]):
            self._report(row.error(Text("This row has no name.")))
            return
        beginnings = self._beginnings(row)
        if not beginnings:
            return
        for beginning in beginnings:
            self._by_beginning[beginning].append(len(self._people))
        self._people.append(self._person(row))
        self._places.append((single_line(row["city"]), single_line(row["province"])))

    def _beginnings(self, row: CsvRow) -> set[str]:
        """Return the beginnings of codes in a row; those that no code has are reported."""
        found = set()
        codes = [*filter(None, map(str.strip, _BETWEEN_CODES.split(row["postal_code"])))]
        for written in codes:
            beginning = _EVERYWHERE if written == _EVERYWHERE else normalise_beginning(written)
            if beginning is None:
                reason = Text("No postal code begins with “{written}”.", written=written[:40])
                self._report(row.error(reason))
            else:
                found.add(beginning)
        if not codes:
            self._report(row.error(Text("This row has no postal code.")))
        return found

    def _person(self, row: CsvRow) -> Representative:
        level = level_named(row["level"])
        if row["level"] and level is None:
            reason = Text(
                "“{written}” is no level: write federal, provincial, municipal or school board.",
                written=row["level"][:40],
            )
            self._report(row.error(reason))
        tel, postal = row["tel"], row["postal"]
        return representative(
            name=row["name"],
            elected_office=row["elected_office"],
            email=row["email"],
            district_name=row["district_name"],
            party_name=row["party_name"],
            photo_url=row["photo_url"],
            url=row["url"],
            offices=[Office(tel=tel, postal=postal)] if tel or postal else (),
            representative_set_name=row["representative_set_name"],
            level=level,
        )

    def _report(self, error: CsvError) -> None:
        self._problems.append(str(error))
