"""``jobs``: lists and cancels."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

JOB = """
INSERT INTO core_job (id, name, queue, payload, state, attempts, wanted_at, due_at, created_at,
  updated_at, progress_done, progress_total)
VALUES (?, 'core.purge', 'core', '{}', ?, 0, ?, ?, ?, ?, 3, 10)
"""
MAY = "2026-05-01 12:00:00.000000+00:00"
WAITING, DONE = (f"0196b5a0-0000-7000-8000-00000000000{number}" for number in range(2))


@pytest.fixture
def jobs(cli: Any, site: Any) -> Any:
    """``jobs("list")``, beside one job that waits and one that is done."""
    with closing(sqlite3.connect(site.folder / "site.db")) as database, database:
        database.execute(JOB, (WAITING, "queued", MAY, MAY, MAY, MAY))
        database.execute(JOB, (DONE, "done", MAY, None, MAY, MAY))
        database.execute("UPDATE core_job SET finished_at = ? WHERE id = ?", (MAY, DONE))
    return lambda *words, **options: cli.run("jobs", *words, "--site", site.folder, **options)


def test_jobs_are_listed(jobs: Any) -> None:
    assert f"{WAITING}  queued    core       core.purge" in jobs("list").stdout
    assert "3/10" in jobs("list").stdout
    (row,) = json.loads(jobs("list", "--state", "done", "--json").stdout)["data"]
    assert (row["id"], row["progress_done"]) == (DONE, 3)
    assert jobs("list", "--queue", "mail").stdout == "There are no such jobs.\n"


def test_a_job_is_cancelled(jobs: Any) -> None:
    assert jobs("cancel", WAITING).stderr == "core.purge is being cancelled.\n"
    refused = jobs("cancel", DONE)
    assert (refused.returncode, "has already finished" in refused.stderr) == (1, True)
    for unknown in ("nothing", WAITING.replace("0196", "0197")):
        refused = jobs("cancel", unknown)
        assert (refused.returncode, f"There is no job '{unknown}'" in refused.stderr) == (1, True)
