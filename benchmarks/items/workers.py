"""Two web processes on two cores, which the load generator shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import contenders as who
from benchmarks import machine, rounds
from benchmarks.items.item import Bench, Item
from benchmarks.load import Gets
from benchmarks.results import Result, Target

if TYPE_CHECKING:
    from benchmarks.contenders import Running

TITLE = "Two processes on two cores"


def _gets(running: Running) -> Gets:
    return Gets(running.get_paths)


def scaling(bench: Bench) -> Result:
    """How much more two processes do: of CPU time, since the clients need a core, too."""
    result = bench.result("workers", TITLE, main="CPU µs/request")
    both = ",".join(map(str, machine.cores()))
    with bench.running((who.OURS, who.OURS_TWO), cores=both) as running:
        result.measurements = rounds.alternate(
            running, _gets, bench.effort, missing=bench.missing, cores=both
        )
    ratio = result.ratio(who.OURS.name, who.OURS_TWO.name, "CPU µs/request")
    if ratio is not None:
        result.targets.append(Target(text="one process", value=2 * ratio, bound=1.8))
    result.notes.append(
        "With the clients on the same two cores, requests a second say little: what two processes "
        "could do is twice the ratio of CPU time per request."
    )
    return result


ITEMS = (Item("workers", TITLE, scaling),)
