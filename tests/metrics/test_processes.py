"""Several processes of one site, some of which are killed."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time

import pytest

from changemaker_core.config import site_files
from changemaker_core.metrics.process_metrics import ProcessMetrics, RequestTimes
from changemaker_core.metrics.snapshots import SnapshotFolder

# Counts every 5 ms, prints how far it is, and goes on until it is killed.
COUNTING = """
import sys, time, types
from pathlib import Path
from changemaker_core.metrics import Metrics

site = types.SimpleNamespace(
    config=types.SimpleNamespace(site_dir=Path(sys.argv[1])),
    loaded=types.SimpleNamespace(contributions=lambda kind: []),
)
metrics = Metrics(site)
counted = 0
while True:
    metrics.observe_request("GET", "/x", 200, 0.001)
    counted += 1
    print(f"{time.time()} {counted}", flush=True)
    time.sleep(0.005)
"""


@pytest.fixture
def counting(tmp_path):
    """Start a process that counts into the site folder; all are ended with the test."""
    started = []

    def start():
        log = (tmp_path / f"counted-{len(started)}").open("w+")
        command = [sys.executable, "-c", COUNTING, str(tmp_path)]
        process = subprocess.Popen(command, stdout=log)
        started.append((process, log))
        return process, log

    yield start
    for process, log in started:
        process.kill()
        process.wait()
        log.close()


def counted(log):
    """When and how far: each line that a process printed."""
    log.seek(0)
    lines = [line.split() for line in log.read().splitlines() if line.count(" ") == 1]
    return [(float(at), int(count)) for at, count in lines]


def total(folder):
    return sum(sum(series.counts) for series in folder.merged().requests.values())


def wait_until_counting(logs):
    until = time.monotonic() + 30
    while any(len(counted(log)) < 10 for log in logs):
        assert time.monotonic() < until, "the processes did not start"
        time.sleep(0.05)


def test_a_killed_process_loses_a_second_at_most_and_totals_never_fall(tmp_path, counting):
    first, first_log = counting()
    second, second_log = counting()
    wait_until_counting([first_log, second_log])
    reader = SnapshotFolder(tmp_path / "run" / "metrics")
    seen = [0]
    for step in range(30):
        if step == 15:
            first.send_signal(signal.SIGKILL)
            killed_at = time.time()
            first.wait()
        seen.append(total(reader))
        time.sleep(0.1)
    second.kill()
    second.wait()
    seen.append(total(reader))
    assert seen == sorted(seen)
    in_time = sum(
        max((count for at, count in counted(log) if at < end), default=0)
        for log, end in [(first_log, killed_at - 1), (second_log, time.time() - 1.5)]
    )
    everything = len(counted(first_log)) + len(counted(second_log))
    assert in_time <= seen[-1] <= everything + 2
    assert total(reader) == total(SnapshotFolder(tmp_path / "run" / "metrics")) == seen[-1]


def numbers(count):
    made = ProcessMetrics()
    made.requests["GET", "/x", 200] = series = RequestTimes()
    for _ in range(count):
        series.observe(0.001)
    made.gauges["cm_open", ()] = count
    return made


def test_dead_processes_are_folded_once(tmp_path):
    dead, alive = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    dead.write(numbers(3).snapshot)
    alive.write(numbers(4).snapshot)
    dead.leave()
    for _ in range(3):
        merged = alive.merged()
        assert sum(merged.requests["GET", "/x", 200].counts) == 7
        assert merged.gauges["cm_open", ()] == 4
    assert len(list(tmp_path.glob("*.json"))) == 1
    alive.leave()


def test_a_reader_killed_while_folding_counts_nothing_twice(tmp_path):
    dead, reader = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    dead.write(numbers(3).snapshot)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    dead.leave()
    assert total(reader) == 3
    # As if the reader had been killed after folding and before deleting.
    for file, content in before.items():
        file.write_bytes(content)
    assert total(reader) == 3
    assert total(reader) == 3


def test_a_process_that_counted_nothing_yet(tmp_path):
    quiet, reader = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    (tmp_path / "0-0.alive").write_bytes(b"")
    quiet.leave()
    assert total(reader) == 0


def test_a_stopped_process_with_the_lock_holds_up_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(site_files, "LOCK_SECONDS", 0.05)
    starting, reader = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    with (tmp_path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for act in (reader.merged, lambda: starting.write(numbers(3).snapshot)):
            with pytest.raises(TimeoutError, match=r"locked for 0\.05 s.*lock"):
                act()
    starting.write(numbers(3).snapshot)
    assert total(reader) == 3
    starting.leave()
