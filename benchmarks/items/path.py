"""From the socket to the bytes: what each step of one request costs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks import contenders as who
from benchmarks import data, in_process, machine, places, rounds
from benchmarks.items.item import Bench, Item
from benchmarks.load import Gets
from benchmarks.results import Measurement, Result

if TYPE_CHECKING:
    from benchmarks.contenders import Running

TITLE = "Where the time of one campaign goes, SQLite, cache off"
SOCKETS = "sockets and event loop"
_STEPS = (
    in_process.UVICORN,
    in_process.PROTOCOL,
    in_process.EDGE,
    in_process.JSON,
    in_process.WHOLE,
)
_SO_FAR, _STEP = "µs until here", "µs of this step"


def path(bench: Bench) -> Result:
    """Levels without sockets, each of which does one thing more; then the whole, over sockets."""
    result = bench.result("path", TITLE, main=_STEP)
    with bench.running((who.OURS_UNCACHED,)) as running:
        over_sockets = _over_sockets(bench, running)
        (ours,) = running
        levels = _levels(ours)
    before = 0.0
    for step in _STEPS:
        result.measurements.append(_measured(step, levels[step] - before, levels[step]))
        before = levels[step]
    result.measurements += [
        _measured(SOCKETS, over_sockets - before, over_sockets),
        _measured(in_process.DRIVER, levels[in_process.DRIVER]),
        _measured(f"{in_process.CACHED}, without sockets", levels[in_process.CACHED]),
    ]
    result.notes.append(
        "CPU time of one core. The steps were measured in one process without sockets, each level "
        "doing one thing more than the one before; what the whole request costs the web process "
        "over sockets, beyond that, is the kernel's and the event loop's. The last two rows stand "
        "for themselves."
    )
    return result


def _measured(name: str, step: float, so_far: float | None = None) -> Measurement:
    series = {_STEP: [step]} if so_far is None else {_STEP: [step], _SO_FAR: [so_far]}
    return Measurement(name=name, series=series)


def _over_sockets(bench: Bench, running: list[Running]) -> float:
    (seen,) = rounds.alternate(running, lambda each: Gets(each.get_paths), bench.effort, missing={})
    return seen.median("CPU µs/request")


def _levels(ours: Running) -> dict[str, float]:
    module = ("-m", "benchmarks.in_process", str(ours.site), next(data.slugs(ours.rows)))
    command = machine.pinned(str(machine.cores()[0]), sys.executable, *module)
    done = subprocess.run(  # noqa: S603  # our own module
        command, cwd=places.ROOT, check=True, stdout=subprocess.PIPE, timeout=300
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


ITEMS = (Item("path", TITLE, path),)
