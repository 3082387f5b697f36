"""The cases of RFC 9110, sections 13 and 14, one a line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.http.streams.ranges import (
    GAP,
    MAX_RANGES,
    condition,
    range_applies,
    ranges_of,
)
from tests.http.streams.conftest import CONTENT

pytestmark = pytest.mark.database("sqlite")

IGNORED, UNSATISFIABLE = None, []
#: Section 14.1.1 and 14.1.2: a header, the file's size, what is sent.
RANGES = [
    ("bytes=0-499", 10_000, [(0, 499)]),
    ("bytes=500-999", 10_000, [(500, 999)]),
    ("bytes=-500", 10_000, [(9500, 9999)]),
    ("bytes=9500-", 10_000, [(9500, 9999)]),
    ("bytes=0-0,-1", 10_000, [(0, 0), (9999, 9999)]),
    ("bytes= 0-999, 4500-5499, -1000", 10_000, [(0, 999), (4500, 5499), (9000, 9999)]),
    ("bytes=500-600,601-999", 10_000, [(500, 999)]),
    ("bytes=500-700,601-999", 10_000, [(500, 999)]),
    ("BYTES=0-0", 10, [(0, 0)]),
    ("bytes=0-", 10, [(0, 9)]),
    ("bytes=0-99", 10, [(0, 9)]),
    ("bytes=9-9", 10, [(9, 9)]),
    ("bytes=-99", 10, [(0, 9)]),
    ("bytes=, 0-1 ,,\t5-6", 1000, [(0, 6)]),
    ("bytes=900-950, 0-10", 1000, [(900, 950), (0, 10)]),
    ("bytes=0-10, 500-510, 5-505", 1000, [(0, 510)]),
    ("bytes=10-, 0-1", 10, [(0, 1)]),
    ("bytes=0-99999999999999999999999999999", 10, [(0, 9)]),
    ("bytes=10-", 10, UNSATISFIABLE),
    ("bytes=10-20,30-", 10, UNSATISFIABLE),
    ("bytes=-0", 10, UNSATISFIABLE),
    ("bytes=0-", 0, UNSATISFIABLE),
    ("bytes=-0", 0, UNSATISFIABLE),
    ("bytes=99999999999999999999999999999-", 10, UNSATISFIABLE),
    ("bytes=-5", 0, IGNORED),
    ("bytes=", 10, IGNORED),
    ("bytes", 10, IGNORED),
    ("bytes=,", 10, IGNORED),
    ("bytes=-", 10, IGNORED),
    ("bytes=5-4", 10, IGNORED),
    ("bytes=a-b", 10, IGNORED),
    ("bytes=0-1;2-3", 10, IGNORED),
    ("bytes=0 - 1", 10, IGNORED),
    ("bytes=--1", 10, IGNORED),
    ("bytes=0-1, x", 10, IGNORED),
    ("bytes=+0-1", 10, IGNORED),
    ("bytes=\u0660-1", 10, IGNORED),
    ("lines=0-1", 10, IGNORED),
    ("0-1", 10, IGNORED),
    ("bytes=" + ",".join(f"{n * 200}-{n * 200}" for n in range(MAX_RANGES + 1)), 10_000, IGNORED),
]


@pytest.mark.parametrize(("header", "size", "expected"), RANGES)
def test_ranges(header, size, expected):
    assert ranges_of(header, size) == expected


@given(
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 400)), min_size=1, max_size=MAX_RANGES),
    st.integers(1, 1000),
)
def test_ranges_hold_what_was_asked_for_once(asked, size):
    header = "bytes=" + ",".join(f"{first}-{first + length}" for first, length in asked)
    found = ranges_of(header, size)
    wanted = {n for first, length in asked for n in range(first, first + length + 1) if n < size}
    sent = [n for each in found for n in range(each.first, each.last + 1)]
    assert len(sent) == len(set(sent)), "nothing is sent twice"
    assert wanted <= set(sent)
    assert len(set(sent) - wanted) <= GAP * (len(asked) - 1)
    assert all(0 <= each.first <= each.last < size for each in found)


TAG, WEAK = '"a"', 'W/"a"'
T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
D0, BEFORE, AFTER = (
    "Sun, 01 Mar 2026 12:00:00 GMT",
    "Sun, 01 Mar 2026 11:59:59 GMT",
    "Sun, 01 Mar 2026 12:00:01 GMT",
)
#: Section 13: headers, the ETag, whether it is a read, the outcome.
CONDITIONS = [
    ({}, TAG, True, "ok"),
    ({"if-match": '"a"'}, TAG, True, "ok"),
    ({"if-match": '"x", "a"'}, TAG, False, "ok"),
    ({"if-match": "*"}, None, False, "ok"),
    ({"if-match": '"x"'}, TAG, True, "failed"),
    ({"if-match": 'W/"a"'}, WEAK, True, "failed"),
    ({"if-match": '"a"', "if-unmodified-since": BEFORE}, TAG, True, "ok"),
    ({"if-unmodified-since": BEFORE}, TAG, True, "failed"),
    ({"if-unmodified-since": D0}, TAG, True, "ok"),
    ({"if-unmodified-since": "yesterday"}, TAG, True, "ok"),
    ({"if-none-match": '"a"'}, TAG, True, "not modified"),
    ({"if-none-match": 'W/"a"'}, TAG, True, "not modified"),
    ({"if-none-match": '"x", W/"a"'}, WEAK, True, "not modified"),
    ({"if-none-match": "*"}, TAG, True, "not modified"),
    ({"if-none-match": "*"}, TAG, False, "failed"),
    ({"if-none-match": '"x"'}, TAG, True, "ok"),
    ({"if-none-match": '"x"', "if-modified-since": AFTER}, TAG, True, "ok"),
    ({"if-modified-since": D0}, TAG, True, "not modified"),
    ({"if-modified-since": AFTER}, TAG, True, "not modified"),
    ({"if-modified-since": BEFORE}, TAG, True, "ok"),
    ({"if-modified-since": D0}, TAG, False, "ok"),
    ({"if-modified-since": "Sunday, 01-Mar-26 12:00:00 GMT"}, TAG, True, "not modified"),
    ({"if-modified-since": "Sun Mar  1 12:00:00 2026"}, TAG, True, "not modified"),
    ({"if-modified-since": "Sun, 99 Mar 2026 12:00:00 GMT"}, TAG, True, "ok"),
    ({"if-match": '"a"', "if-none-match": '"a"'}, TAG, True, "not modified"),
]


@pytest.mark.parametrize(("headers", "etag", "reads", "outcome"), CONDITIONS)
def test_conditions(headers, etag, reads, outcome):
    assert condition(headers.get, etag, T0, reads=reads) == outcome


@pytest.mark.parametrize(
    ("if_range", "etag", "applies"),
    [
        (None, TAG, True),
        ('"a"', TAG, True),
        ('"b"', TAG, False),
        ('W/"a"', WEAK, False),
        ('W/"a"', TAG, False),
        (D0, TAG, True),
        (BEFORE, TAG, False),
        (AFTER, TAG, False),
        ("nonsense", TAG, False),
    ],
)
def test_if_range(if_range, etag, applies):
    assert range_applies(if_range, etag, T0, T0 + timedelta(hours=1)) is applies


def test_a_date_within_the_second_of_the_change_proves_nothing():
    assert not range_applies(D0, None, T0, T0 + timedelta(milliseconds=900))


async def test_one_range(client):
    response = await client.get("/files/one.txt", headers={"Range": "bytes=100-199"})
    assert (response.status_code, response.content) == (206, CONTENT[100:200])
    assert response.headers["content-range"] == "bytes 100-199/1000"
    assert response.headers["content-length"] == "100"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/files/one.txt", "/memory"])
async def test_several_ranges(client, path):
    response = await client.get(path, headers={"Range": "bytes=900-950, 0-3,-49"})
    assert response.status_code == 206
    kind = response.headers["content-type"]
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", kind)[1].encode()
    parts = response.content.split(b"\r\n--" + boundary)
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    found = [part.partition(b"\r\n\r\n") for part in parts[1:-1]]
    assert [content for _, _, content in found] == [CONTENT[900:1000], CONTENT[:4]]
    assert b"content-range: bytes 900-999/1000" in found[0][0]
    assert int(response.headers["content-length"]) == len(response.content)


async def test_no_range(client):
    response = await client.get("/api/files/one.txt", headers={"Range": "bytes=1000-"})
    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["content-range"] == "bytes */1000"


async def test_head_has_the_whole_length_and_reads_nothing(client):
    response = await client.head("/files/one.txt", headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "1000"


async def test_a_range_of_what_has_changed_since_is_the_whole(client):
    etag = (await client.get("/files/one.txt")).headers["etag"]
    for value, status in ((etag, 206), ('"other"', 200)):
        headers = {"Range": "bytes=0-1", "If-Range": value}
        assert (await client.get("/files/one.txt", headers=headers)).status_code == status


async def test_conditions_come_before_ranges(client):
    etag = (await client.get("/files/one.txt")).headers["etag"]
    headers = {"Range": "bytes=5000-", "If-None-Match": etag}
    response = await client.get("/files/one.txt", headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag
    assert "content-length" not in response.headers
    failed = await client.get("/api/files/one.txt", headers={"If-Match": '"other"'})
    assert (failed.status_code, failed.json()["code"]) == (412, "precondition_failed")
