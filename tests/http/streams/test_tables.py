"""Tables as downloads: every value arrives, and nothing that a visitor wrote is run."""

from __future__ import annotations

import csv
import errno
import gc
import io
import re
import threading
import zipfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Plugin, Route, Text, csv_stream, endpoint, hookimpl, xlsx_stream
from changemaker_core.http.errors import ClientGone
from changemaker_core.http.streams import excel_tables
from changemaker_core.http.streams.csv_tables import harmless
from changemaker_core.testing import client_of

pytestmark = pytest.mark.database("sqlite")


class Row:
    def __init__(self, name: Any, count: Any = 1) -> None:
        self.name = name
        self.count = count


COLUMNS = {"Name": "name", Text("Not found."): lambda row: row.count}
MOMENT = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
VALUES = [
    ("Ada", 1),
    ("=1+1", -5),
    ("été, “a”\nb", 2.5),
    (None, Decimal("1.10")),
    (["a", "b"], True),
    (MOMENT, date(2026, 7, 1)),
    (time(8, 30), 10**20),
    ("nul\0", Text("Not found.")),
]


class Tables:
    """``rows`` are what is downloaded; ``ended`` says that the iterator was closed."""

    rows: Any = ()
    ended = 0

    @endpoint(public=True)
    async def on_get(self, req, resp, *, kind):
        download = "été.csv"
        if kind == "later":
            return csv_stream(self._later(), COLUMNS, download=download)
        if kind == "xlsx":
            return xlsx_stream(self._later(), COLUMNS, download="été.xlsx")
        if kind == "xlsx-now":
            return xlsx_stream(self._now(), COLUMNS, download="été.xlsx")
        if kind == "now-closed":
            return csv_stream(self._now(), COLUMNS, download=download)
        return csv_stream(self.rows, COLUMNS, download=download, for_excel=kind == "excel")

    def _now(self):
        try:
            yield from self.rows
        finally:
            Tables.ended += 1

    async def _later(self):
        try:
            for row in self.rows:
                yield row
        finally:
            Tables.ended += 1


class TablesPlugin(Plugin):
    name = "tables"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/tables/{kind}", Tables())]


@pytest.fixture
async def download(open_app, monkeypatch):
    async with (
        open_app(TablesPlugin, time_zone="America/Edmonton") as app,
        client_of(app) as client,
    ):

        async def get(kind, rows, locale="en", method="GET", path=None):
            monkeypatch.setattr(Tables, "rows", rows)
            headers = {"Accept-Language": locale}
            return await client.request(method, path or f"/tables/{kind}", headers=headers)

        yield get


def rows_of(values):
    return [Row(*pair) for pair in values]


@pytest.mark.parametrize("kind", ["now", "later"])
async def test_csv_has_every_value(download, kind):
    response = await download(kind, rows_of(VALUES))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "filename*=" in response.headers["content-disposition"]
    heading, *rows = csv.reader(io.StringIO(response.text, newline=""))
    assert heading == ["Name", "Not found."]
    assert rows == [
        ["Ada", "1"],
        ["'=1+1", "-5"],
        ["été, “a”\nb", "2.5"],
        ["", "1.10"],
        ["a, b", "true"],
        ["2026-07-01T12:30:00Z", "2026-07-01"],
        ["08:30:00", "1" + "0" * 20],
        ["nul", "Not found."],
    ]


@pytest.mark.parametrize(("locale", "delimiter"), [("en", ","), ("fr", ";")])
async def test_csv_for_excel_opens_by_a_double_click(download, locale, delimiter):
    content = (await download("excel", rows_of([("Zoé", MOMENT)]), locale)).content
    assert content.startswith(b"\xef\xbb\xbf")
    heading, row = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter)
    assert (heading[1] == "Not found.") is (locale == "en")
    assert row == ["Zoé", "2026-07-01 06:30:00"]


async def test_a_long_table_comes_whole_and_its_iterator_is_closed(download):
    ended = Tables.ended
    response = await download("later", (Row(str(n), n) for n in range(10_001)))
    lines = response.text.split("\r\n")
    assert lines[-2:] == ["10000,10000", ""] and len(lines) == 10_003
    assert Tables.ended == ended + 1


async def test_a_client_that_reads_slowly_does_not_count_as_a_slow_site(download):
    waits = 0.5
    pauses = (threading.Event().wait(waits if n == 300 else 0) for n in range(400))
    rows = (Row(text) for text in ("x" * 2_000 for _ in pauses))
    await download("now-closed", rows)
    metrics = await download("now-closed", rows, path="/api/metrics")
    found = re.search(r"duration_seconds_sum\{.*tables.*\} (\S+)", metrics.text)
    assert found is not None and float(found[1]) < waits


@pytest.mark.parametrize("kind", ["later", "now-closed"])
async def test_a_client_that_goes_ends_the_rows_at_once(open_app, monkeypatch, kind):
    """Else each download given up holds its place among those that may run, until a collection."""
    monkeypatch.setattr(Tables, "rows", [Row("x" * 1000, n) for n in range(10_001)])
    monkeypatch.setattr(Tables, "ended", 0)
    bodies = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event):
        if event["type"] == "http.response.body":
            bodies.append(event)
            if len(bodies) == 2:
                raise ClientGone

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/tables/{kind}",
        "raw_path": f"/tables/{kind}".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    gc.disable()
    try:
        async with open_app(TablesPlugin) as app:
            await app(scope, receive, send)
            assert len(bodies) == 2
            assert Tables.ended == 1
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", ["xlsx", "xlsx-now", "later", "now-closed"])
async def test_a_row_that_fails_ends_the_others(download, monkeypatch, kind):
    monkeypatch.setattr(Tables, "ended", 0)
    response = await download(kind, [Row("a"), object(), Row("b")])
    assert response.status_code == 500
    assert Tables.ended == 1


async def test_rows_of_a_workbook_are_read_off_the_event_loop(download):
    threads = set()

    def rows():
        threads.add(threading.current_thread())
        yield Row("a")

    response = await download("xlsx-now", rows())
    assert [text for _, text in sheet_of(response.content)[1]] == ["a", "1"]
    assert len(threads) == 1 and threading.current_thread() not in threads


async def test_a_column_that_fails_at_once_is_an_error_response(download):
    response = await download("later", [object()])
    assert response.status_code == 500


FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


PASSED_OVER = ("", " ", "\u200b", "\ufeff", "\u00ad", " \u2060 ")
SEPARATORS = (",", ";", "\t", "\r", "\n")


@given(st.sampled_from(PASSED_OVER), st.sampled_from(FORMULAS), st.text())
def test_no_text_is_a_formula(before, first, rest):
    assert harmless(before + first + rest).startswith("'")


@given(
    st.text(),
    st.sampled_from(SEPARATORS),
    st.sampled_from((*PASSED_OVER, '"')),
    st.sampled_from(FORMULAS[:4]),
)
def test_no_part_of_a_text_is_a_formula(text, separator, before, formula):
    made = harmless(f"{text}{separator}{before}{formula}cmd|'/C calc'!A0")
    assert made.endswith(f"{separator}'{before}{formula}cmd|'/C calc'!A0")


@given(st.text())
def test_harmless_text_is_left_as_it_is(text):
    assert harmless(text).replace("'", "") == text.replace("'", "")
    assert not harmless(text).lstrip(" ").startswith(FORMULAS)
    assert harmless(harmless(text)) == harmless(text)


@pytest.mark.parametrize("text", ["Ada", "a-b", "été; à 5 + 3", "x, y; z\nw", "O'Brien", ""])
def test_ordinary_text_is_left_as_it_is(text):
    assert harmless(text) == text


@pytest.mark.parametrize(("locale", "other"), [("en", ";"), ("fr", ",")])
async def test_a_spreadsheet_of_another_language_finds_no_formula(download, locale, other):
    name = f"Ada{other}=cmd|'/C calc'!A0"
    content = (await download("excel", rows_of([(name, 1), (1, name)]), locale)).content
    for line in csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=other):
        assert not any(cell.startswith("=") for cell in line)


NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet_of(content: bytes, number: int = 1) -> list[list[tuple[str | None, str]]]:
    """The type and text of each cell of a sheet; ``inlineStr`` is text."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314  # made above
    assert not list(root.iter(f"{NAMESPACE}f")), "a formula"
    return [
        [(cell.get("t"), "".join(cell.itertext())) for cell in row]
        for row in root.iter(f"{NAMESPACE}row")
    ]


async def test_xlsx_has_typed_cells_and_no_formula(download):
    response = await download("xlsx", rows_of(VALUES))
    assert response.headers["content-type"] == excel_tables.XLSX
    heading, *rows = sheet_of(response.content)
    assert [text for _, text in heading] == ["Name", "Not found."]
    assert rows[0] == [("inlineStr", "Ada"), (None, "1")]
    assert rows[1] == [("inlineStr", "=1+1"), (None, "-5")]
    assert rows[2][0] == ("inlineStr", "été, “a”\nb")
    assert [float(text) for _, text in rows[3]] == [1.1]
    assert rows[4][1] == ("b", "1")
    # Days since 1900, as the clock in Edmonton showed it: 6:30 is 0.27 of a day.
    assert float(rows[5][0][1]) == pytest.approx(46204 + 6.5 / 24)
    assert rows[5][1] == (None, "46204")
    assert rows[6][1] == ("inlineStr", "1" + "0" * 20)


async def test_a_text_too_long_for_excel_is_shortened(download):
    content = (await download("xlsx", rows_of([("é" * 40_000, 1)]))).content
    assert sheet_of(content)[1][0] == ("inlineStr", "é" * 32_766 + "…")


async def test_xlsx_begins_another_sheet_where_one_is_full(download, monkeypatch):
    monkeypatch.setattr(excel_tables, "SHEET_ROWS", 3)
    content = (await download("xlsx", rows_of([(str(n), n) for n in range(5)]))).content
    assert [len(sheet_of(content, number)) for number in (1, 2)] == [4, 3]


async def test_a_full_disk_is_a_503_and_leaves_nothing(download, monkeypatch, tmp_path):
    monkeypatch.setattr(excel_tables.tempfile, "tempdir", str(tmp_path))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(excel_tables._Workbook, "write", full)
    response = await download("xlsx", rows_of([("a", 1)]))
    assert response.status_code == 503
    assert "no space left to store files" in response.text
    assert list(tmp_path.glob("changemaker-xlsx-*")) == []


async def test_a_head_makes_nothing(download, monkeypatch):
    monkeypatch.setattr(excel_tables._Workbook, "write", None)
    for kind in ("xlsx", "later"):
        response = await download(kind, rows_of(VALUES), method="HEAD")
        assert (response.status_code, response.content) == (200, b"")
