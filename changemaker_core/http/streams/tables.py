"""Downloads of tables: CSV and Excel's own format, row by row.

Whoever fills in a form can choose what a cell begins with, and a spreadsheet runs what begins as a
formula. So text that could be one is made plain text, as OWASP advises ("CSV Injection").
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import re
import tempfile
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

from changemaker_core.http.bodies.uploads import is_full, no_space
from changemaker_core.http.streams.files import SendFile
from changemaker_core.http.streams.streamed import Streamed, close
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet

Rows = Iterable[Any] | AsyncIterable[Any]
#: What stands in a column, by its heading (text): the name of an attribute, or a function of a row.
Columns = Mapping[Any, str | Callable[[Any], Any]]

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Rows that are read and written at once.
BATCH = 200
#: Excel's limit, without the row of headings.
SHEET_ROWS = 1_048_575
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
#: One at a time: writing such a file takes a processor.
_writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="xlsx")


def csv_stream(rows: Rows, columns: Columns, *, download: str, for_excel: bool = False) -> Streamed:
    """Return a CSV file to download, as a response; it is sent while ``rows`` are read.

    ``rows`` is an iterable, async or not; ``columns`` maps headings, in order, to attributes of a
    row or functions of it: ``{Text("Name"): "name", Text("Left"): lambda event: event.left}``.
    Headings and cells that are ``Text`` are in the reader's language; moments are ISO 8601, in UTC.

    ``for_excel`` is for people who open it by a double click: with a byte order mark, with the
    separator of their language, and with moments in the site's time zone.
    """
    return _Csv(rows, columns, download, for_excel=for_excel)


def xlsx_stream(rows: Rows, columns: Columns, *, download: str) -> Streamed:
    """Return an Excel file to download, as a response, made of ``rows`` as by ``csv_stream``.

    Numbers, dates and moments (in the site's time zone) are typed cells. The file is made on disk,
    on a thread, before it is sent: 100,000 rows take some seconds. Beyond a million rows there is a
    second sheet.
    """
    return _Xlsx(rows, columns, download)


class _Table(Streamed):
    """Rows and columns as one reader sees them."""

    __slots__ = ("_columns", "_download", "_rows")

    def __init__(self, rows: Rows, columns: Columns, download: str) -> None:
        if not columns:
            raise ValueError("a table has columns")
        self._rows = rows
        self._columns = columns
        self._download = download

    async def send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        """Send the response to ``req``, and end the rows however that ends."""
        try:
            await self._send(req, headers, outlet)
        finally:
            await close(self._rows)

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        raise NotImplementedError

    def _cells_of(self, req: Request) -> Callable[[Any], list[Any]]:
        """Return a function that returns a row's cells, with texts in the reader's language."""
        readers = [attrgetter(c) if isinstance(c, str) else c for c in self._columns.values()]

        def cells(row: Any) -> list[Any]:
            return [_plain(reader(row), req) for reader in readers]

        return cells

    def _headings(self, req: Request) -> list[str]:
        return [str(_plain(heading, req)) for heading in self._columns]


class _Csv(_Table):
    __slots__ = ("_for_excel",)

    def __init__(self, rows: Rows, columns: Columns, download: str, *, for_excel: bool) -> None:
        super().__init__(rows, columns, download)
        self._for_excel = for_excel

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        if isinstance(self._rows, AsyncIterable):
            content: Any = self._later(req, self._rows)
        else:
            content = self._now(req, self._rows)
        await SendFile(content, CSV, download=self._download).send(req, headers, outlet)

    def _now(self, req: Request, rows: Iterable[Any]) -> Iterator[bytes]:
        write, iterator = self._writer(req), iter(rows)
        yield write(list(islice(iterator, BATCH)))
        while batch := list(islice(iterator, BATCH)):
            yield write(batch)

    async def _later(self, req: Request, rows: AsyncIterable[Any]) -> AsyncIterator[bytes]:
        write, is_empty = self._writer(req), True
        async with aclosing(_batches(rows)) as batches:
            async for batch in batches:
                yield write(batch)
                is_empty = False
        if is_empty:
            yield write([])

    def _writer(self, req: Request) -> Callable[[list[Any]], bytes]:
        """Return a function that writes rows as bytes, and the headings before the first."""
        buffer = io.StringIO()
        delimiter = _excel_delimiter(req) if self._for_excel else ","
        lines = csv.writer(buffer, delimiter=delimiter)
        zone = ZoneInfo(req.site.config.time_zone) if self._for_excel else None
        cells_of = self._cells_of(req)

        buffer.write("\ufeff" if self._for_excel else "")
        lines.writerow(map(harmless, self._headings(req)))

        def write(batch: list[Any]) -> bytes:
            for row in batch:
                lines.writerow([_csv_cell(cell, zone) for cell in cells_of(row)])
            written = buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            return written.encode(errors="replace")

        return write


class _Xlsx(_Table):
    __slots__ = ()

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        with tempfile.TemporaryFile() as file:
            if outlet.method != "HEAD":
                await self._write(req, file)
            content = iter(lambda: file.read(256 * 1024), b"")
            await SendFile(content, XLSX, download=self._download).send(req, headers, outlet)

    async def _write(self, req: Request, file: BinaryIO) -> None:
        run = partial(asyncio.get_running_loop().run_in_executor, _writing)
        zone = ZoneInfo(req.site.config.time_zone)
        with tempfile.TemporaryDirectory(prefix="changemaker-xlsx-") as folder:
            workbook = _Workbook(file, folder, self._headings(req), zone)
            try:
                await self._write_rows(partial(run, self._writer(req, workbook)))
                await run(workbook.close)
            except OSError as error:
                if is_full(error):
                    raise no_space() from error
                raise
            finally:
                await run(workbook.release)  # after what is being written, where this is cancelled
        file.seek(0)

    async def _write_rows(self, write: Callable[[Iterable[Any]], Awaitable[bool]]) -> None:
        if isinstance(self._rows, AsyncIterable):
            async with aclosing(_batches(self._rows)) as batches:
                async for batch in batches:
                    await write(batch)
        else:
            rows = iter(self._rows)
            while await write(rows):
                pass

    def _writer(self, req: Request, workbook: _Workbook) -> Callable[[Iterable[Any]], bool]:
        """Return a function that writes the next rows; it returns whether there were any."""
        cells_of = self._cells_of(req)

        def write(rows: Iterable[Any]) -> bool:
            batch = list(islice(rows, BATCH))
            workbook.write([cells_of(row) for row in batch])
            return bool(batch)

        return write


class _Workbook:
    """A file of the library XlsxWriter, with one row in memory at a time."""

    def __init__(self, file: BinaryIO, folder: str, headings: list[str], zone: ZoneInfo) -> None:
        from xlsxwriter import Workbook

        options = {"constant_memory": True, "tmpdir": folder, "nan_inf_to_errors": True}
        self._book = Workbook(file, options)
        self._headings = headings
        self._zone = zone
        self._bold = self._book.add_format({"bold": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._hour = self._book.add_format({"num_format": "hh:mm:ss"})
        self._add_sheet()

    def _add_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._row = 0
        self._sheet.freeze_panes(1, 0)
        for column, heading in enumerate(self._headings):
            self._sheet.set_column(column, column, max(12, min(40, len(heading) + 2)))
            self._sheet.write_string(0, column, heading, self._bold)

    def write(self, rows: list[list[Any]]) -> None:
        """Write rows."""
        for cells in rows:
            if self._row == SHEET_ROWS:
                self._add_sheet()
            self._row += 1
            for column, cell in enumerate(cells):
                self._write_cell(column, cell)

    def _write_cell(self, column: int, cell: Any) -> None:
        sheet, row = self._sheet, self._row
        if cell is None:
            return
        if isinstance(cell, bool):
            sheet.write_boolean(row, column, cell)
        elif isinstance(cell, int | float | Decimal) and -(10**15) < cell < 10**15:
            sheet.write_number(row, column, cell)
        elif isinstance(cell, datetime):
            sheet.write_datetime(row, column, _local(cell, self._zone), self._moment)
        elif isinstance(cell, date) and cell.year >= 1900:
            sheet.write_datetime(row, column, cell, self._day)
        elif isinstance(cell, time):
            sheet.write_datetime(row, column, cell.replace(tzinfo=None), self._hour)
        else:  # text is text here, whatever it begins with
            sheet.write_string(row, column, str(cell))

    def close(self) -> None:
        """Complete the file."""
        self._book.close()

    def release(self) -> None:
        """Close what was opened for rows, where the file was not completed."""
        self._book.fileclosed = True  # or the library tries again when it is collected
        for sheet in self._book.worksheets():
            with contextlib.suppress(AttributeError, OSError):
                sheet.row_data_fh.close()


def harmless(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it, or a part of it, for a formula.

    >>> harmless("=1+1"), harmless("Ada;=1+1"), harmless("Ada")
    ("'=1+1", "Ada;'=1+1", 'Ada')
    """
    return _FORMULA.sub("'", text)


def _plain(value: Any, req: Request) -> Any:
    if isinstance(value, Text):
        return req.site.translations.translate(value, req.locale)
    if isinstance(value, Enum):
        return _plain(value.value, req)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(_plain(each, req)) for each in value)
    # Neither format can hold it.
    return value.replace("\0", "") if isinstance(value, str) else value


def _csv_cell(value: Any, zone: ZoneInfo | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        if zone is not None:
            return _local(value, zone).isoformat(sep=" ", timespec="seconds")
        return value.isoformat().replace("+00:00", "Z")
    return harmless(str(value))


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment as the clock showed it, which is all that Excel knows."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


def _excel_delimiter(req: Request) -> str:
    # Where numbers have a decimal comma, Excel reads and writes semicolons.
    from babel.numbers import get_decimal_symbol

    return ";" if get_decimal_symbol(req.locale) == "," else ","


async def _batches(rows: AsyncIterable[Any]) -> AsyncGenerator[list[Any]]:
    iterator = aiter(rows)
    batch: list[Any] = []
    try:
        async for row in iterator:
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
                await asyncio.sleep(0)  # rows that are there already would hold up other requests
        if batch:
            yield batch
    finally:
        await close(iterator)
