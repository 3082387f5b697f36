"""Reads while other processes write: how much of the cache's gain remains."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks import contenders as who
from benchmarks import load, machine, places, rounds
from benchmarks.items.item import Bench, Item
from benchmarks.load import Gets
from benchmarks.results import Measurement, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.contenders import Running

TITLE = "One of 1,000 campaigns, cache on, while 50 messages a second are recorded"
RATE = 50
IDLE, BUSY = "no writes", "50 messages a second"


def busy(bench: Bench) -> Result:
    """The same server, round after round, with and without messages."""
    result = bench.result("get-busy", TITLE)
    with bench.running((who.OURS,)) as running:
        (ours,) = running
        with _recorder(ours) as recorder:
            result.measurements = _measure(bench, ours, recorder)
    result.aim(BUSY, IDLE, 0.7, "its idle rate")
    result.notes.append(
        "Other processes record and send the messages, on the clients' core: this is what their "
        "notifications cost the web process."
    )
    return result


def _measure(bench: Bench, ours: Running, recorder: subprocess.Popen[bytes]) -> list[Measurement]:
    work = Gets(ours.get_paths)
    seconds = ours.contender.warm_up
    load.full_speed(ours.server.address, work, seconds)
    found = {name: Measurement(name=name, series={}) for name in (IDLE, BUSY)}
    one_round = replace(bench.effort, rounds=1)
    for number in range(bench.effort.rounds):
        for name in (IDLE, BUSY)[:: 1 if number % 2 == 0 else -1]:
            _pause(recorder, name == IDLE)
            (seen,) = rounds.alternate(
                [ours], lambda _: work, one_round, missing={}, others=[recorder.pid]
            )
            for series, values in seen.series.items():
                found[name].series.setdefault(series, []).extend(values)
            found[name].noisy_rounds += seen.noisy_rounds
    _pause(recorder, False)
    return list(found.values())


def _pause(recorder: subprocess.Popen[bytes], stop: bool) -> None:
    os.kill(recorder.pid, signal.SIGSTOP if stop else signal.SIGCONT)


@contextlib.contextmanager
def _recorder(ours: Running) -> Iterator[subprocess.Popen[bytes]]:
    core = machine.cores()[1]
    for pid in _job_runners(ours):
        os.sched_setaffinity(pid, {core})
    command = [sys.executable, "-m", "benchmarks.recording", str(ours.site), str(RATE)]
    with (places.made("logs") / "recording.log").open("wb") as output:
        recorder = subprocess.Popen(  # noqa: S603  # our own module
            machine.pinned(str(core), *command), cwd=places.ROOT, stdout=output, stderr=output
        )
    try:
        yield recorder
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
        recorder.terminate()
        recorder.wait(20)


def _job_runners(ours: Running) -> list[int]:
    """The processes of a site that run its jobs."""
    return [pid for pid in ours.server.pids if b"\0jobs\0" in _command_line(pid)]


def _command_line(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


ITEMS = (Item("get-busy", TITLE, busy),)
