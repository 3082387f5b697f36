"""CSV files as spreadsheets in any language write them, and as people break them."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import CsvColumn, CsvError, read_csv
from changemaker_core.spreadsheets import table

COLUMNS = [
    CsvColumn("postal_code", required=True, also=("code postal",)),
    CsvColumn("name", required=True, also=("nom",)),
    CsvColumn("email", also=("courriel",)),
]
HEADER = "postal_code,name,email\r\n"


def rows_of(content: bytes | str, columns: Any = COLUMNS) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of a file, and what was reported."""
    problems: list[str] = []
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    rows = read_csv(file, columns, report=lambda error: problems.append(str(error)))
    return [dict(row) for row in rows], problems


def refusal(content: bytes | str, columns: Any = COLUMNS) -> CsvError:
    with pytest.raises(CsvError) as refused:
        list(
            read_csv(io.BytesIO(content.encode() if isinstance(content, str) else content), columns)
        )
    return refused.value


ONE = {"postal_code": "L5G 4L3", "name": "Zoé Exemple", "email": "zoe@parl.example.ca"}
LINES = "postal_code;name;email\r\nL5G 4L3;Zoé Exemple;zoe@parl.example.ca\r\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac-roman"],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators_are_found(encoding: str, separator: str) -> None:
    content = LINES.replace(";", separator).encode(encoding)
    assert rows_of(content) == ([ONE], [])


@pytest.mark.parametrize(
    "header",
    [
        "Postal Code;Name;Email",
        " CODE POSTAL ;Nom;Courriel",
        "Postal-Code;NAME;E\u200bmail".replace("\u200b", ""),
        "courriel;nom;code_postal",
        "sep=;\r\npostal_code;name;email",
        '"sep=;"\r\npostal_code;name;email',
        "sep=;;\r\npostal_code;name;email",
        "\r\n;;\r\npostal_code;name;email",
        '"postal_code";"name";"email"',
        "postal_code;name;email;;",
    ],
)
def test_headings_are_found_however_they_are_written(header: str) -> None:
    cells = ["L5G 4L3", "Zoé Exemple", "zoe@parl.example.ca"]
    if header.startswith("courriel"):
        cells.reverse()
    assert rows_of(f"{header}\r\n{';'.join(cells)}\r\n") == ([ONE], [])


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way_and_the_last_one_need_not(ends: str) -> None:
    assert rows_of(LINES.replace("\r\n", ends)) == ([ONE], [])
    assert rows_of(LINES.replace("\r\n", ends).rstrip()) == ([ONE], [])


def test_cells_may_have_separators_quotation_marks_and_line_breaks() -> None:
    rows, problems = rows_of(HEADER + '1,"Bo ""Bobby"", Jr.","a\r\nb"\r\n2, "A, B",x "y"\r\n')
    assert problems == []
    assert [row["name"] for row in rows] == ['Bo "Bobby", Jr.', "A, B"]
    assert [row["email"] for row in rows] == ["a\nb", 'x "y"']


def test_short_rows_lack_what_is_optional_and_empty_rows_are_skipped() -> None:
    rows, problems = rows_of(HEADER + "1,Ann\r\n\r\n,,\r\n2,Bo,,,\r\n")
    assert [(row["name"], row["email"]) for row in rows] == [("Ann", ""), ("Bo", "")]
    assert problems == []


def test_a_row_knows_its_number_and_its_line() -> None:
    content = HEADER + '1,"Ann\r\nLee",x\r\n\r\n2,Bo,y\r\n3,Cy,z,more\r\n'
    problems: list[CsvError] = []
    rows = list(read_csv(io.BytesIO(content.encode()), COLUMNS, report=problems.append))
    assert [(row.number, row.line) for row in rows] == [(2, 2), (4, 5)]
    assert (problems[0].row, problems[0].line) == (5, 6)
    assert str(problems[0]).startswith("row 5 (line 6 of the file): This row has 4 cells")
    assert str(rows[1].error(problems[0].reason)).startswith("row 4 (line 5 of the file)")


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('1,"Ann,a@x.example', "quotation mark"),
        ('1,"Ann" Lee,a@x.example', "quotation mark"),
        ('1,"Ann"",a@x.example', "quotation mark"),
        ("1,Ann,a@x.example,more", "has 4 cells"),
        ("1", "ends before the column name"),
        ("1,A\0nn,x", "cannot be read"),
        ("1," + "x" * 2_000_000 + ",y", "too long"),
        ('1,"' + "x" * 500_000 + '",y', "too long"),
    ],
)
def test_a_bad_row_is_reported_and_no_other_is_lost(bad: str, problem: str) -> None:
    good = [f"{number},Person {number},p{number}@x.example" for number in range(2, 6)]
    lines = [good[0], bad, *good[1:]]
    rows, problems = rows_of(HEADER + "\r\n".join(lines) + "\r\n")
    assert [row["name"] for row in rows] == [f"Person {number}" for number in range(2, 6)]
    (reported,) = problems
    assert reported.startswith("row 3: ")
    assert problem in reported
    assert str(refusal(HEADER + "\r\n".join(lines))).startswith("row 3: ")


def test_a_quotation_that_is_closed_by_a_later_row_swallows_none() -> None:
    rows, problems = rows_of(HEADER + '1,"Ann,a\r\n2,Bo,b\r\n3,"Cy",c\r\n4,Di,"d\r\n5,Ed,e"\r\n')
    assert [row["name"] for row in rows] == ["Bo", "Cy", "Di"]
    assert rows[-1]["email"] == "d\n5,Ed,e"  # nothing in the file says otherwise
    assert len(problems) == 1


def test_a_quotation_that_a_later_row_closes_at_the_end_of_a_cell_is_found_by_its_width() -> None:
    rows, problems = rows_of(HEADER + '1,"Ann,a\r\n2,Bo,b"\r\n3,Cy,c\r\n')
    assert [row["name"] for row in rows] == ["Bo", "Cy"]
    assert [problem.partition(":")[0] for problem in problems] == ["row 2"]


def test_half_of_a_row_with_a_line_break_is_no_other_person() -> None:
    rows, problems = rows_of(HEADER + '"Jean\nDupont",x@y\r\n1,Ann,a@x\r\n')
    assert [row["name"] for row in rows] == ["Ann"]
    assert [problem.partition(":")[0] for problem in problems] == ["row 2", "row 3"]
    odd = HEADER.encode() + b'1,"Zo\xff\xc3\xa9\xc3\xa9\nDupont",x@y\r\n1,Ann,a@x\r\n'
    rows, problems = rows_of(odd)
    assert [row["name"] for row in rows] == ["Ann"]
    assert len(problems) == 1


def test_bytes_that_are_not_utf_8_within_a_file_of_utf_8_are_reported() -> None:
    content = (HEADER + "1,Zoé,a\r\n2,Zo").encode() + b"\xe9" + ",b\r\n3,Léa,c\r\n".encode()
    rows, problems = rows_of(content)
    assert [row["name"] for row in rows] == ["Zoé", "Léa"]
    assert problems[0].startswith("row 3: This row contains characters that cannot be read")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"PK\x03\x04" + bytes(60), "Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(60), "Excel workbook"),
        (b"\n<!DOCTYPE html><html>", "not a CSV file"),
        (b"postal_code;town\r\nx;y", "has no column name. Its columns are: postal_code, town"),
        (b"nom,name,postal_code\r\n", "Two columns are name"),
        (b"name,postal_code," + b"x," * 2000 + b"x\r\n", "more than 1000 columns"),
        (b'"name,postal_code\r\nAnn,1\r\n', "row 1: A quotation mark"),
        (b'{"people":[' + b'"x",' * 50_000, "more than 1000 columns"),
        (b"x" * 200_000, "row 1: "),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(content: bytes, said: str) -> None:
    assert said in str(refusal(content))


def test_unknown_columns_are_named() -> None:
    found = read_csv(io.BytesIO(b"name,Fax,,postal_code\n1,2,,3\n"), COLUMNS)
    assert found.ignored == ("Fax", "(column 3)")


def test_a_file_of_bad_rows_alone_is_given_up() -> None:
    content = HEADER + '1,"x\r\n' * (table.MAX_PROBLEMS + 5)
    with pytest.raises(CsvError, match="More than 1000 rows"):
        rows_of(content)


class Blocks:
    """A file of many equal blocks, none of which is ever in memory twice."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = list(blocks)

    def read(self, size: int = -1) -> bytes:
        return self._blocks.pop(0) if self._blocks else b""


def test_memory_does_not_grow_with_the_file() -> None:
    people = b"1,Ann Example,ann@x.example\r\n" * 1000
    file: Any = Blocks(HEADER.encode(), *[people] * 100, b'1,"Ann,x\r\n' * 40)
    problems: list[CsvError] = []
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_csv(file, COLUMNS, report=problems.append))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, len(problems)) == (100_000, 40)
    assert peak < 3_000_000


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "lineterminator": st.sampled_from(["\r\n", "\n", "\r"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    }
)
FRENCH = "abcdefZXÉéèàçêëîôùœ€’“«» ,;\t|\"'\n=-+0123456789"
CELLS = st.text(FRENCH, max_size=8)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6),
    DIALECTS,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(["", "sep"]),
    st.permutations(["postal_code", "Nom", "Courriel"]),
)
def test_what_a_writer_writes_is_read(
    rows: list[tuple[str, str, str]], dialect: Any, encoding: str, declared: str, header: Any
) -> None:
    buffer = io.StringIO()
    if declared:
        buffer.write(f"sep={dialect['delimiter']}{dialect['lineterminator']}")
    if dialect["lineterminator"] == "\r":  # a writer would leave cells with "\n" unquoted
        dialect["quoting"] = csv.QUOTE_ALL
    writer = csv.writer(buffer, **dialect)
    writer.writerow(header)
    writer.writerows(rows)
    names = {"postal_code": "postal_code", "Nom": "name", "Courriel": "email"}
    wanted = [
        {names[heading]: cell.strip() for heading, cell in zip(header, row, strict=True)}
        for row in rows
        if any(map(str.strip, row))
    ]
    assert rows_of(buffer.getvalue().encode(encoding)) == (wanted, [])


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_rows_or_an_error(content: bytes, headed: bool) -> None:
    try:
        rows, problems = rows_of((HEADER.encode() if headed else b"") + content)
    except CsvError as error:
        assert str(error)
    else:
        assert all(row.keys() == {"postal_code", "name", "email"} for row in rows)
        assert all(problem.startswith("row ") for problem in problems)


@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from(['{0},"P{0},x', '{0},"P{0}" Q,x', "{0}", "{0},P{0},x,y,z"]),
)
def test_each_row_is_a_row_or_an_error(good: list[bool], bad: str) -> None:
    lines = [f"{n},P{n},p{n}" if fine else bad.format(n) for n, fine in enumerate(good)]
    rows, problems = rows_of(HEADER + "\r\n".join(lines) + "\r\n")
    assert [row["postal_code"] for row in rows] == [str(n) for n, fine in enumerate(good) if fine]
    assert [each.partition(":")[0] for each in problems] == [
        f"row {n + 2}" for n, fine in enumerate(good) if not fine
    ]
