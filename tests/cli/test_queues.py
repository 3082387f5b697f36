"""``queues``: what waits is counted before it is let go."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest

JOB = """
INSERT INTO core_job (id, name, queue, payload, state, attempts, wanted_at, due_at, created_at,
  updated_at)
VALUES (?, 'core.purge', 'core', '{}', 'queued', 0, ?, ?, ?, ?)
"""
MAY = "2026-05-01 12:00:00.000000+00:00"


@pytest.fixture
def queues(changemaker: Any) -> Any:
    """``queues("list")``"""
    return partial(changemaker, "queues")


@pytest.fixture
def waiting(site: Any) -> None:
    """Three jobs wait."""
    with closing(sqlite3.connect(site.folder / "site.db")) as database, database:
        for number in range(3):
            id_ = f"0196b5a0-0000-7000-8000-00000000000{number}"
            database.execute(JOB, (id_, MAY, MAY, MAY, MAY))


def test_nothing_there(queues: Any) -> None:
    assert queues("list").stdout == "There are no jobs, and no queue is held.\n"


def test_hold_and_release(queues: Any, changemaker: Any, waiting: None) -> None:
    done = queues("hold", "core", "--note", "we are moving")
    assert (done.exit_code, done.stderr) == (0, "core is held.\n")
    assert queues("hold", "core").stderr == "core was held already.\n"
    (held,) = json.loads(queues("list", "--json").stdout)["held"]
    assert (held["queue"], held["reason"], held["note"]) == ("core", "operator", "we are moving")
    listed = queues("list").stdout
    assert "HELD" in listed
    assert "we are moving" in listed
    told = changemaker("doctor").stdout
    assert "WARNING  queues: core has been held since" in told

    refused = queues("release", "core", stdin="n\n")
    assert refused.exit_code == 1
    assert "Waiting jobs in core that will run: 3" in refused.stderr
    assert "3 core.purge, since 2026-05-01 12:00 UTC" in refused.stderr
    assert json.loads(queues("list", "--json").stdout)["held"] != []

    released = queues("release", "core", "--yes")
    assert (released.exit_code, "core has been released." in released.stderr) == (0, True)
    assert json.loads(queues("list", "--json").stdout)["held"] == []
    assert "No queue is held." in changemaker("doctor").stdout


def test_a_slip_of_the_keyboard(queues: Any) -> None:
    done = queues("hold", "coer")
    assert done.exit_code == 1
    assert "No queue is called 'coer'. Did you mean 'core'? The site has audit, " in done.stderr
    done = queues("release", "core")
    assert done.exit_code == 1
    assert "core is not held." in done.stderr
