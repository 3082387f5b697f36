"""Downloads of tables in Excel's own format."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

from changemaker_core.config.site_files import is_full, scratch_folder
from changemaker_core.http.bodies.uploads import no_space
from changemaker_core.http.streams.files import SendFile
from changemaker_core.http.streams.tables import BATCH, Table, in_batches, local_time

if TYPE_CHECKING:
    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet, Streamed
    from changemaker_core.http.streams.tables import Columns, Source

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Excel's limit, without the row of headings.
SHEET_ROWS = 1_048_575
#: The longest text of a cell, in characters: a limit of Excel.
LONGEST_TEXT = 32_767
#: One at a time: writing such a file takes a processor.
_writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="xlsx")


def xlsx_stream(rows: Source, columns: Columns, *, download: str) -> Streamed:
    """Return an Excel file to download, as a response, made of ``rows`` as by ``csv_stream``.

    Numbers, dates and moments (in the site's time zone) are typed cells. The file is made on disk,
    on a thread, before it is sent: 100,000 rows take some seconds. Beyond a million rows there is a
    second sheet.
    """
    return _Xlsx(rows, columns, download)


class _Xlsx(Table):
    __slots__ = ()

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        with tempfile.TemporaryFile() as file:
            if outlet.method != "HEAD":
                await self._write(req, file)
            content = iter(lambda: file.read(256 * 1024), b"")
            await SendFile(content, XLSX, download=self._download).send(req, headers, outlet)

    async def _write(self, req: Request, file: BinaryIO) -> None:
        run = partial(asyncio.get_running_loop().run_in_executor, _writing)
        zone = ZoneInfo(req.site.time_zone)
        with scratch_folder("changemaker-xlsx-") as folder:
            workbook = _Workbook(file, str(folder), self.headings(req), zone)
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
            async with aclosing(in_batches(self._rows)) as batches:
                async for batch in batches:
                    await write(batch)
        else:
            rows = iter(self._rows)
            while await write(rows):
                pass

    def _writer(self, req: Request, workbook: _Workbook) -> Callable[[Iterable[Any]], bool]:
        """Return a function that writes the next rows; it returns whether there were any."""
        cells_of = self.cells_of(req)

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
            sheet.write_datetime(row, column, local_time(cell, self._zone), self._moment)
        elif isinstance(cell, date) and cell.year >= 1900:
            sheet.write_datetime(row, column, cell, self._day)
        elif isinstance(cell, time):
            sheet.write_datetime(row, column, cell.replace(tzinfo=None), self._hour)
        else:  # text is text here, whatever it begins with
            text = str(cell)
            if len(text) > LONGEST_TEXT:  # else the library leaves the cell empty
                text = text[: LONGEST_TEXT - 1] + "…"
            sheet.write_string(row, column, text)

    def close(self) -> None:
        """Complete the file."""
        self._book.close()

    def release(self) -> None:
        """Close what was opened for rows, where the file was not completed."""
        self._book.fileclosed = True  # or the library tries again when it is collected
        for sheet in self._book.worksheets():
            with contextlib.suppress(AttributeError, OSError):
                sheet.row_data_fh.close()
