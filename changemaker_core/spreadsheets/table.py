"""A CSV file as a table whose columns have names."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, Final

from changemaker_core.db.folding import fold
from changemaker_core.spreadsheets.decoding import lines_of
from changemaker_core.spreadsheets.errors import CsvError
from changemaker_core.spreadsheets.records import OPEN_QUOTATION, Record, Records
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Rows that cannot be read; with more of them, the file is none of this kind.
MAX_PROBLEMS: Final = 1_000
_MAX_COLUMNS: Final = 1_000
_DELIMITERS: Final = ",;\t|"
#: The line in which Excel declares the separator.
_DECLARED: Final = re.compile(r'"?sep=([^\w\s"]|\t)"?[\s,;|]*', re.IGNORECASE)
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class CsvColumn:
    """A column to read: ``name`` in code, which is one of its headings, too.

    ``also`` are further headings, such as those in other languages. Case, accents, spaces and
    punctuation of headings make no difference: ``postal_code`` is found under ``Postal Code``.
    """

    name: str
    required: bool = False
    also: tuple[str, ...] = ()


class CsvRow(dict[str, str]):
    """A row: the text of each column by name, ``""`` where it is empty, without spaces around.

    ``number`` and ``line`` say where it stands, as ``CsvError.row`` and ``CsvError.line`` do.
    """

    __slots__ = ("line", "number")

    number: int
    line: int

    def error(self, reason: Text) -> CsvError:
        """Return an error about this row, to raise or to report."""
        return CsvError(reason, row=self.number, line=self.line)


class CsvTable:
    """The rows of a CSV file, read while it is iterated over, once. ``read_csv`` makes one.

    ``ignored`` are the headings that belong to none of the columns.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: Sequence[CsvColumn],
        report: Callable[[CsvError], object] | None,
    ) -> None:
        self._columns = columns
        self._required = {column.name for column in columns if column.required}
        self._blank = dict.fromkeys((column.name for column in columns), "")
        self._report = report
        self._problems = 0
        self._row = 0
        self._records = _open(file, columns)
        self._iterator = iter(self._records)
        self._width, self._places, self.ignored = self._read_header()

    def __iter__(self) -> Iterator[CsvRow]:
        for record in self._iterator:
            self._row += 1
            cells = [cell.strip() for cell in record.cells]
            if record.problem is None and not any(cells):
                continue
            problem, line = record.problem, record.line
            if problem is None and len(cells) != self._width:
                problem = self._fit(cells, record)
            if problem is not None:
                self._fail(CsvError(problem, row=self._row, line=line))
                continue
            row = CsvRow(self._blank)
            row.number, row.line = self._row, line
            for name, place in self._places:
                row[name] = cells[place]
            yield row

    def _read_header(self) -> tuple[int, list[tuple[str, int]], tuple[str, ...]]:
        for record in self._iterator:
            self._row += 1
            if record.problem is not None:
                raise CsvError(record.problem, row=self._row, line=record.line)
            if any(map(str.strip, record.cells)):
                return _placed(record.cells, self._columns)
        raise CsvError(Text("This file is empty."))

    def _fit(self, cells: list[str], record: Record) -> Text | None:
        """Make the row as wide as the table, or return the problem that keeps it from being so."""
        while len(cells) > self._width and not cells[-1]:
            cells.pop()
        count = len(cells)
        if count == self._width:
            return None
        if record.lines > 1:  # the cell with line breaks has swallowed what would make it fit
            return self._records.reject(OPEN_QUOTATION).problem
        if count > self._width:
            return Text(
                "This row has {count} cells, more than the {width} columns of the table. A cell"
                " that contains the separator stands in quotation marks.",
                count=count,
                width=self._width,
            )
        if record.again and any('"' in cell for cell in cells):
            return OPEN_QUOTATION  # the end of a cell of the row before
        for name, place in self._places:
            if name in self._required and place >= count:
                return Text("This row ends before the column {column}.", column=name)
        cells += [""] * (self._width - count)
        return None

    def _fail(self, error: CsvError) -> None:
        if self._report is None:
            raise error
        self._problems += 1
        if self._problems > MAX_PROBLEMS:
            reason = Text("More than {count} rows cannot be read.", count=MAX_PROBLEMS)
            raise CsvError(reason, row=error.row, line=error.line)
        self._report(error)


def read_csv(
    file: BinaryIO,
    columns: Sequence[CsvColumn],
    *,
    report: Callable[[CsvError], object] | None = None,
) -> CsvTable:
    """Return the rows of a CSV file, as a spreadsheet in any language writes it.

    ``file`` is open for reading bytes and stays open; a row at a time is in memory. The encoding
    (UTF-8, UTF-16, Windows-1252, Mac Roman), the separator (comma, semicolon, tab, ``|``, or what a
    first line ``sep=;`` declares) and the order of the columns are found; empty rows are skipped.

    A row that cannot be read raises ``CsvError``. With ``report``, it is called with the error
    instead, and reading goes on with the next row: no other is lost, even behind a quotation mark
    that is not closed. A file without a required column, or of another format, raises ``CsvError``
    at once. Reading blocks: in a responder, call it on a thread.

    >>> columns = [CsvColumn("name", required=True, also=("nom",)), CsvColumn("email")]
    >>> for row in read_csv(upload.file, columns, report=problems.append):
    ...     add_person(tx, row["name"], row["email"])
    """
    return CsvTable(file, columns, report)


def _open(file: BinaryIO, columns: Sequence[CsvColumn]) -> Records:
    """Return the records of ``file``; the line that declares the separator is none."""
    lines = lines_of(file)
    first = next(lines, "")
    declared = _DECLARED.fullmatch(first or "")
    if declared is not None:
        return Records(lines, declared[1], first_line=2)
    head = [first]
    while head[-1] is not None and not head[-1].strip():
        following = list(islice(lines, 1))
        if not following:
            break
        head += following
    return Records(chain(head, lines), _delimiter(head[-1] or "", columns), first_line=1)


def _delimiter(header: str, columns: Sequence[CsvColumn]) -> str:
    """Return the separator with which most of the columns are found in the header."""
    known = _headings(columns)

    def found(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:  # a cell too long to be one, which the records report with its place
            return 0, 0
        return sum(_folded(cell) in known for cell in cells), len(cells)

    return max(_DELIMITERS, key=found)


def _placed(
    cells: list[str], columns: Sequence[CsvColumn]
) -> tuple[int, list[tuple[str, int]], tuple[str, ...]]:
    """Return the width of a table, the place of each column, and the headings of no column."""
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > _MAX_COLUMNS:
        raise CsvError(Text("This table has more than {count} columns.", count=_MAX_COLUMNS))
    known = _headings(columns)
    places: dict[str, int] = {}
    ignored = []
    for place, cell in enumerate(cells):
        name = known.get(_folded(cell))
        if name is None:
            ignored.append(cell.strip() or f"(column {place + 1})")
        elif name in places:
            reason = Text(
                "Two columns are {name}: “{first}” and “{second}”.",
                name=name,
                first=cells[places[name]].strip(),
                second=cell.strip(),
            )
            raise CsvError(reason)
        else:
            places[name] = place
    missing = [each.name for each in columns if each.required and each.name not in places]
    if missing:
        reason = Text(
            "The first row has no column {missing}. Its columns are: {found}.",
            missing=", ".join(missing),
            found=", ".join(cell.strip()[:40] for cell in cells[:20]),
        )
        raise CsvError(reason)
    return len(cells), list(places.items()), tuple(ignored)


def _headings(columns: Sequence[CsvColumn]) -> dict[str, str]:
    """Return the name of a column by each of its headings, folded."""
    return {
        _folded(heading): column.name
        for column in columns
        for heading in (column.name, *column.also)
    }


def _folded(heading: str) -> str:
    return _BETWEEN_WORDS.sub(" ", fold(heading) or "").strip()
