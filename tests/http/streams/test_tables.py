"""Tables as downloads: every value arrives, and nothing that a visitor wrote is run."""

from __future__ import annotations

import csv
import errno
import io
import zipfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Plugin, Route, Text, csv_stream, endpoint, hookimpl, xlsx_stream
from changemaker_core.http.streams import tables
from changemaker_core.http.streams.tables import harmless
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
        return csv_stream(self.rows, COLUMNS, download=download, for_excel=kind == "excel")

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

        async def get(kind, rows, locale="en", method="GET"):
            monkeypatch.setattr(Tables, "rows", rows)
            headers = {"Accept-Language": locale}
            return await client.request(method, f"/tables/{kind}", headers=headers)

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


async def test_a_column_that_fails_at_once_is_an_error_response(download):
    response = await download("later", [object()])
    assert response.status_code == 500


FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@given(st.sampled_from(FORMULAS), st.text())
def test_no_text_is_a_formula(first, rest):
    for text in (first + rest, " " + first + rest):
        assert harmless(text).startswith("'")
        assert harmless(text)[1:] == text


@given(st.text())
def test_harmless_text_is_left_as_it_is(text):
    assert harmless(text) in (text, "'" + text)
    assert not harmless(text).lstrip(" ").startswith(FORMULAS)


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
    assert response.headers["content-type"] == tables.XLSX
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


async def test_xlsx_begins_another_sheet_where_one_is_full(download, monkeypatch):
    monkeypatch.setattr(tables, "SHEET_ROWS", 3)
    content = (await download("xlsx", rows_of([(str(n), n) for n in range(5)]))).content
    assert [len(sheet_of(content, number)) for number in (1, 2)] == [4, 3]


async def test_a_full_disk_is_a_503_and_leaves_nothing(download, monkeypatch, tmp_path):
    monkeypatch.setattr(tables.tempfile, "tempdir", str(tmp_path))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tables._Workbook, "write", full)
    response = await download("xlsx", rows_of([("a", 1)]))
    assert response.status_code == 503
    assert "no space left to store files" in response.text
    assert list(tmp_path.glob("changemaker-xlsx-*")) == []


async def test_a_head_makes_nothing(download, monkeypatch):
    monkeypatch.setattr(tables._Workbook, "write", None)
    for kind in ("xlsx", "later"):
        response = await download(kind, rows_of(VALUES), method="HEAD")
        assert (response.status_code, response.content) == (200, b"")
