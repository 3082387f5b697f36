"""Lines of the access log."""

from __future__ import annotations

import json
import logging

import pytest

from changemaker_core.http.access_log import BUFFER_LINES, AccessLog, log


@pytest.fixture
def records(caplog):
    with caplog.at_level(logging.INFO, logger=log.name):
        yield caplog


async def test_many_lines_are_one_record(records):
    access = AccessLog()
    for number in range(BUFFER_LINES):
        access.add("GET", "/x", 200, 0.0015, b"id-%d" % number)
    [record] = records.records
    lines = [json.loads(line) for line in record.getMessage().splitlines()]
    assert len(lines) == BUFFER_LINES
    assert lines[0]["request_id"] == "id-0" and lines[0]["ms"] == 1.5
    assert lines[0]["user"] is None and lines[0]["cached"] is False


async def test_any_route_or_id_makes_a_line_of_json(records):
    access = AccessLog()
    access.add("GET", '/x/{a:regex("\\d+\n")}', 200, 0.1, b"id", 'u"\n1', cached=True)
    access.flush()
    [record] = records.records
    [line] = record.getMessage().splitlines()
    assert json.loads(line)["user"] == 'u"\n1'


async def test_nothing_is_buffered_while_the_level_is_off(caplog):
    with caplog.at_level(logging.WARNING, logger=log.name):
        access = AccessLog()
        access.add("GET", "/x", 200, 0.1, b"id")
        assert access._timer is None
        access.flush()
    assert caplog.records == []
