"""Downloads of tables as CSV.

Whoever fills in a form can choose what a cell begins with, and a spreadsheet runs what begins as a
formula. So text that could be one is made plain text, as OWASP advises ("CSV Injection").
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from changemaker_core.http.streams.files import SendFile
from changemaker_core.http.streams.tables import BATCH, Table, in_batches, local_time

if TYPE_CHECKING:
    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet, Streamed
    from changemaker_core.http.streams.tables import Columns, Reader, Source
    from changemaker_core.site import Site

CSV = "text/csv; charset=utf-8"
#: What spreadsheets pass over in front of a formula: white space, and characters without a shape.
_PASSED_OVER = (
    r"\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: The wide forms are those of Japanese keyboards, which spreadsheets take for the narrow ones.
_BEGINS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
#: A formula can begin behind each of these too: a spreadsheet of another language begins a cell
#: there, whatever separator the file has, and does not see the quotes that should prevent it.
_SEPARATORS = r",;\t\r\n"
_FORMULA = re.compile(
    rf"\A(?=[{_PASSED_OVER}]*[{_BEGINS}\t\r\n])"
    # Without separators in between: a text of nothing else would be read once for each of them.
    rf"|(?<=[{_SEPARATORS}])(?=(?:(?![{_SEPARATORS}])[{_PASSED_OVER}\"])*[{_BEGINS}])"
)


def csv_stream(
    rows: Source, columns: Columns, *, download: str, for_excel: bool = False
) -> Streamed:
    """Return a CSV file to download, as a response; it is sent while ``rows`` are read.

    ``rows`` is a compiled query, whose rows are read in one snapshot, or an iterable, async or not;
    ``columns`` maps headings, in order, to attributes of a row or functions of it:
    ``{Text("Name"): "name", Text("Left"): lambda event: event.left}``.
    Headings and cells that are ``Text`` are in the reader's language; moments are ISO 8601, in UTC.
    Raises ``ValueError`` for a column that the rows of the query do not have.

    ``for_excel`` is for people who open it by a double click: with a byte order mark, with the
    separator of their language, and with moments in the site's time zone.
    """
    return _Csv(rows, columns, download, for_excel=for_excel)


def csv_lines(site: Site, rows: Iterable[Any], columns: Columns) -> Iterator[bytes]:
    """Yield the file of ``csv_stream`` in English, for a command to write."""
    return _Csv(rows, columns, "", for_excel=False).parts(_Command(site), rows)


@dataclass(frozen=True, slots=True)
class _Command:
    site: Site
    locale: str = "en"


class _Csv(Table):
    __slots__ = ("_for_excel",)

    def __init__(self, rows: Source, columns: Columns, download: str, *, for_excel: bool) -> None:
        super().__init__(rows, columns, download)
        self._for_excel = for_excel

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        if isinstance(self._rows, AsyncIterable):
            content: Any = self._later(req, self._rows)
        else:
            content = self.parts(req, self._rows)
        await SendFile(content, CSV, download=self._download).send(req, headers, outlet)

    def parts(self, req: Reader, rows: Iterable[Any]) -> Iterator[bytes]:
        """Yield the file for a reader."""
        write, iterator = self._writer(req), iter(rows)
        yield write(list(islice(iterator, BATCH)))
        while batch := list(islice(iterator, BATCH)):
            yield write(batch)

    async def _later(self, req: Request, rows: AsyncIterable[Any]) -> AsyncIterator[bytes]:
        write, is_empty = self._writer(req), True
        async with aclosing(in_batches(rows)) as batches:
            async for batch in batches:
                yield write(batch)
                is_empty = False
        if is_empty:
            yield write([])

    def _writer(self, req: Reader) -> Callable[[list[Any]], bytes]:
        """Return a function that writes rows as bytes, and the headings before the first."""
        buffer = io.StringIO()
        delimiter = _excel_delimiter(req) if self._for_excel else ","
        lines = csv.writer(buffer, delimiter=delimiter)
        zone = ZoneInfo(req.site.time_zone) if self._for_excel else None
        cells_of = self.cells_of(req)

        buffer.write("\ufeff" if self._for_excel else "")
        lines.writerow(map(harmless, self.headings(req)))

        def write(batch: list[Any]) -> bytes:
            for row in batch:
                lines.writerow([_csv_cell(cell, zone) for cell in cells_of(row)])
            written = buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            return written.encode(errors="replace")

        return write


def harmless(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it, or a part of it, for a formula.

    >>> harmless("=1+1"), harmless("Ada;=1+1"), harmless("Ada")
    ("'=1+1", "Ada;'=1+1", 'Ada')
    """
    return _FORMULA.sub("'", text)


def _csv_cell(value: Any, zone: ZoneInfo | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        if zone is not None:
            return local_time(value, zone).isoformat(sep=" ", timespec="seconds")
        return value.isoformat().replace("+00:00", "Z")
    return harmless(str(value))


def _excel_delimiter(req: Reader) -> str:
    # Where numbers have a decimal comma, Excel reads and writes semicolons.
    from babel.numbers import get_decimal_symbol

    return ";" if get_decimal_symbol(req.locale) == "," else ","
