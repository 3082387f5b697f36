"""Lines of the access log."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core import Config
from changemaker_core.http.access_log import BUFFER_LINES, AccessLines, AccessLog, log, shown_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def records(caplog):
    with caplog.at_level(logging.INFO, logger=log.name):
        yield caplog


def add(access: AccessLog, path: str = "/x", route: str = "/x", **values: Any) -> None:
    access.add("GET", route, path, 200, 0.0015, b"id", values.pop("client", "::1"), **values)


async def test_many_lines_are_one_record(records):
    access = AccessLog()
    for _ in range(BUFFER_LINES):
        add(access)
    [record] = records.records
    lines = [json.loads(line) for line in record.getMessage().splitlines()]
    assert len(lines) == BUFFER_LINES
    time = lines[0].pop("time")
    assert time.endswith("Z") and len(time) == len("2030-01-31T12:00:00.000Z")
    assert lines[0] == {
        "level": "INFO",
        "logger": "changemaker.access",
        "method": "GET",
        "path": "/x",
        "route": "/x",
        "status": 200,
        "ms": 1.5,
        "request_id": "id",
        "user": None,
        "client": "::",
        "cached": False,
    }


async def test_any_route_or_id_makes_a_line_of_json(records):
    access = AccessLog()
    route = '/x/{a:regex("\\d+\n")}/{slug}'
    add(access, '/x/1/"\n\x00é', route, user='u"\n1', cached=True)
    access.flush()
    [record] = records.records
    [line] = record.getMessage().splitlines()
    read = json.loads(line)
    assert (read["user"], read["path"]) == ('u"\n1', '/x/{a:regex("\\d+\n")}/"\n\x00é')


@pytest.mark.parametrize(
    ("route", "path", "shown"),
    [
        ("/campaigns/{slug}", "/campaigns/wetland", "/campaigns/wetland"),
        ("/join/{token}", "/join/3ac2", "/join/{token}"),
        ("/api/x/{id}/keys/{key}", "/api/x/7/keys/s3cret", "/api/x/7/keys/{key}"),
        ("/files/{key:path}", "/files/a/b", "/files/{key:path}"),
        ("/static/{path:path}", "/static/core.css", "/static/core.css"),
        ("no route", "/jion/" + "t" * 40, "/jion/…"),
        ("no route", "/people/ann@example.org", "/people/…"),
        ("no route", "/wp-login.php", "/wp-login.php"),
        ("no route", "/" + "a/" * 300, "/" + "a/" * 99 + "a"),
        # (!) An address is one wherever it stands, and no path is long.
        ("/people/{slug}", "/people/ann@example.org", "/people/…"),
        ("/people/{slug}/x", "/people/ann%40example.org/x", "/people/…/x"),
        ("/x/{token}/{name}", "/x/3ac2/ann@example.org", "/x/{token}/…"),
        ("/x/{slug}", "/x/" + "a" * 300, "/x/" + "a" * 197),
        ("/x/{token}/{slug}", "/x/3ac2/" + "a" * 300, "/x/{token}/" + "a" * 189),
    ],
)
def test_what_may_be_a_secret_is_no_part_of_a_path(route: str, path: str, shown: str) -> None:
    assert shown_path(route, path) == shown


async def test_a_path_moves_no_cursor(records: pytest.LogCaptureFixture) -> None:
    """(!) A line for a person stays one line, whatever a visitor sends."""
    access = AccessLog()
    add(access, "/x\r\x1b[2J\n2030 INFO forged", "(none)")
    access.flush()
    assert isinstance(records.records[0].args, tuple)
    [line] = records.records[0].args[0].as_text().splitlines()
    assert "GET /x��[2J�2030 INFO forged 200" in line


@pytest.mark.parametrize(
    ("chosen", "client", "shown"),
    [
        ("network", "203.0.113.77", "203.0.113.0"),
        ("network", "2001:db8:1:2::3", "2001:db8:1::"),
        ("network", "fe80::1%eth0", "fe80::"),
        ("network", "::ffff:203.0.113.77", "203.0.113.0"),
        ("network", "testclient", ""),
        ("address", "203.0.113.77", "203.0.113.77"),
        ("none", "203.0.113.77", ""),
    ],
)
async def test_a_client_is_shown_as_configured(
    records: pytest.LogCaptureFixture, tmp_path: Path, chosen: Any, client: str, shown: str
) -> None:
    access = AccessLog(Config.for_tests(tmp_path, log_client=chosen))
    add(access, client=client)
    access.flush()
    [record] = records.records
    assert json.loads(record.getMessage())["client"] == shown
    assert isinstance(record.args, tuple) and isinstance(record.args[0], AccessLines)
    assert f" client={shown} " in record.args[0].as_text()


async def test_nothing_is_buffered_while_the_level_is_off(caplog):
    with caplog.at_level(logging.WARNING, logger=log.name):
        access = AccessLog()
        add(access)
        assert access._timer is None
        access.flush()
    assert caplog.records == []
