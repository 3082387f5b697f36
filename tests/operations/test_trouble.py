"""Faults that last are logged when they begin and when they are over."""

from __future__ import annotations

import logging

import pytest

from changemaker_core import trouble
from changemaker_core.trouble import QUIET, REMIND, Trouble


@pytest.fixture
def now(monkeypatch):
    """The clock, which a test sets."""
    clock = [1000.0]
    monkeypatch.setattr(trouble.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def lines(caplog):
    """The messages that were logged since the last call."""
    caplog.set_level(logging.INFO)

    def since():
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return since


def test_a_fault_is_logged_once_and_so_is_its_end(now, lines):
    fault = Trouble(logging.getLogger("test"), "no job can be claimed")
    fault.passed()
    for _ in range(100):
        fault.failed(OSError("disk full"))
        now[0] += 0.5
    assert lines() == ["no job can be claimed: disk full"]
    fault.passed()
    fault.passed()
    assert lines() == ["no job can be claimed: over, after 50 s and 100 failures"]
    fault.failed(OSError())
    assert lines() == ["no job can be claimed: OSError"]


def test_the_end_counts_from_the_one_failure(now, lines):
    fault = Trouble(logging.getLogger("test"), "health check database")
    fault.failed(OSError("connection refused"))
    now[0] += 20
    fault.passed()
    assert lines()[1:] == ["health check database: over, after 20 s and 1 failure"]


def test_one_that_goes_on_is_logged_again_after_a_while(now, lines):
    fault = Trouble(logging.getLogger("test"), "it fails")
    fault.failed(OSError("disk full"), traceback=True)
    while now[0] < 1000 + REMIND:
        now[0] += QUIET / 2
        fault.failed(OSError("disk full"))
    assert lines() == ["it fails: disk full", "it fails, for 600 s, with 21 failures: disk full"]


def test_one_that_nobody_met_for_a_minute_is_over(now, lines):
    fault = Trouble(logging.getLogger("test"), "it fails")
    fault.failed(OSError("one"))
    now[0] += QUIET + 1
    fault.failed(OSError("two"))
    assert lines() == ["it fails: one", "it fails: two"]
