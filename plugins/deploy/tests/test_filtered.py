"""A site served under the system-call filter of its generated unit does its jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from changemaker_core.testing.server import COMMAND

pytestmark = pytest.mark.systemd

PATIENCE = 120


@pytest.fixture
def serve(site):
    """``serve(unit)``: the site, served under the filter of a unit; gives its address."""
    started = []

    def start(unit):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CHANGEMAKER_")}
        program = Path(__file__).with_name("filtered.py")
        command = [COMMAND, "--site", str(site.folder), "serve", "--port", "0", "--workers", "1"]
        process = subprocess.Popen(
            [sys.executable, program, unit, *command],
            env={**inherited, **site.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process.stdout.readline().split()[-1]

    yield start
    for process in started:
        process.terminate()
        with process.stdout:
            assert process.wait(PATIENCE) == 0


def niceness_of_a_job(site, address):
    """Enqueue a job, and return the niceness of the process that ran it."""
    result = site.folder / "data" / "petitions" / "niceness"
    result.unlink(missing_ok=True)
    assert httpx.post(f"{address}/petitions", timeout=PATIENCE).status_code == 202
    until = time.monotonic() + PATIENCE
    while not result.exists():
        assert time.monotonic() < until, "the job did not run"
        time.sleep(0.05)
    return int(result.read_text())


def test_the_job_runner_lowers_its_priority(site, generated, serve):
    unit = generated("systemd")["changemaker.service"]
    assert niceness_of_a_job(site, serve(unit)) == os.nice(0) + 5


def test_a_filter_that_denies_a_lower_priority_stops_no_job(site, generated, serve):
    """As in units that were generated before the filter allowed it."""
    unit = generated("systemd")["changemaker.service"]
    unit.write_text(unit.read_text().replace("SystemCallFilter=setpriority\n", ""))
    assert niceness_of_a_job(site, serve(unit)) == os.nice(0)
