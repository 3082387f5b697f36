"""Lanes while runners are killed with SIGKILL: in order, one at a time, none lost.

The long form: ``CHANGEMAKER_LANE_JOBS=90 CHANGEMAKER_KILLS=40``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changemaker_core.db import utcnow
from changemaker_core.jobs import CoreJob
from changemaker_core.jobs.declarations import Job
from tests.bench import lanes, processes
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    import subprocess

Fixture = Any

JOBS = int(os.environ.get("CHANGEMAKER_LANE_JOBS", "30"))
KILLS = min(int(os.environ.get("CHANGEMAKER_KILLS", "4")), 20)
RUNNERS = 2
SCRIPT = Path(__file__).with_name("runner_process.py")


def test_lanes_survive_kills(make_site: Fixture, database_url: str, notes: Fixture) -> None:
    site = make_site(Job("test.lane", lambda run, **_: None, queue="notes"), clock=utcnow)
    command = [sys.executable, str(SCRIPT), database_url, "smtp://127.0.0.1:1"]
    moments = random.Random(20260501)  # noqa: S311  # no secret
    unfinished = CoreJob.select().where(CoreJob.finished_at.is_null())
    runners: list[subprocess.Popen[str]] = []
    try:
        producers = lanes.start_producers(site, JOBS)
        runners += [processes.start(command) for _ in range(RUNNERS)]
        left = []
        for kill in range(KILLS):
            before = len(notes(site))
            wait_until(lambda at=before: len(notes(site)) > at)
            time.sleep(moments.uniform(0, 0.3))
            index = kill % RUNNERS
            runners[index].kill()
            runners[index].communicate()
            left.append(site.db.sync.read(unfinished.count))
            runners[index] = processes.start(command)
        for thread in producers:
            thread.join()
        wait_until(lambda: site.db.sync.read(unfinished.count) == 0, 300)
        # The last one may still be loading, and has no handler of signals until it is ready.
        assert {processes.stop(runner) for runner in runners} <= {0, -signal.SIGTERM}
    finally:
        for runner in runners:
            runner.kill()
            runner.communicate()
    assert left[0] > 0, "everything was done before the first kill"
    lanes.check(notes(site), JOBS)
