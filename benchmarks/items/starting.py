"""From the command to the first response, and the memory of an idle server."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request

from benchmarks import building, machine, places
from benchmarks import contenders as who
from benchmarks.contenders import Contender, Data, Running
from benchmarks.items.item import Bench, Item
from benchmarks.results import Measurement, Result, Target
from benchmarks.servers import DidNotStart

START = "Start-up and idle memory"
HELP = "changemaker --help"
_EVERYBODY = (who.OURS, who.FASTIFY, who.EXPRESS, who.PRISMA, who.FASTAPI, who.DJANGO, who.STRAPI)
#: Requests before memory is read, and seconds of silence after them.
_REQUESTS, _SILENCE = 20, 1.0


def start(bench: Bench) -> Result:
    """Seconds until the first response; memory after a few requests and a moment's rest."""
    result = bench.result("start", START, main="start s")
    data = Data(bench.postgresql)
    found = {
        contender.name: Measurement(name=contender.name, series={}) for contender in _EVERYBODY
    }
    # The first start fills databases and the system's file cache, and does not count.
    unseen = Measurement(name="", series={})
    for number in range(-1, bench.effort.rounds):
        for contender in _EVERYBODY:
            into = unseen if number < 0 else found[contender.name]
            _start_once(bench, data, contender, into)
    result.measurements = [each for each in found.values() if each.series]
    ours = found[who.OURS.name]
    result.targets = [
        Target(text="start", value=ours.median("start s"), bound=1, at_least=False, unit="s"),
        Target(
            text="memory of an idle web process",
            value=ours.median("RSS MB"),
            bound=90,
            at_least=False,
            unit="MB",
        ),
    ]
    return result


def _start_once(bench: Bench, data: Data, contender: Contender, into: Measurement) -> None:
    if contender.needs and not building.built(contender.needs):
        bench.missing[contender.name] = "not installed"
        return
    quiet = machine.wait_until_quiet(bench.effort.patience)
    try:
        with data.run(contender, pause=0.005) as running:
            memory = _settled(running)
            seconds = running.server.started_in
    except DidNotStart as problem:
        bench.missing[contender.name] = str(problem)
        return
    into.noisy_rounds += not quiet
    values = {"start s": seconds, "RSS MB": memory.largest, "all MB": memory.total}
    for name, value in values.items():
        into.series.setdefault(name, []).append(value)


def _settled(running: Running) -> machine.Memory:
    for path in running.get_paths[:_REQUESTS]:
        with urllib.request.urlopen(running.server.address + path, timeout=30) as response:  # noqa: S310
            response.read()
    time.sleep(_SILENCE)
    return running.server.memory()


def usage(bench: Bench) -> Result:
    """The command that a newcomer types first, beside an interpreter that does nothing."""
    result = bench.result("help", HELP, main="seconds")
    commands = {
        "changemaker --help": [str(places.CHANGEMAKER), "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    found = {name: Measurement(name=name, series={"seconds": []}) for name in commands}
    for _ in range(bench.effort.rounds * 4):
        for name, command in commands.items():
            quiet = machine.wait_until_quiet(bench.effort.patience)
            found[name].series["seconds"].append(_timed(command))
            found[name].noisy_rounds += not quiet
    result.measurements = list(found.values())
    seconds = found["changemaker --help"].median("seconds")
    result.targets = [Target(text="", value=seconds, bound=0.25, at_least=False, unit="s")]
    return result


def _timed(command: list[str]) -> float:
    pinned = machine.pinned(str(machine.cores()[0]), *command)
    began = time.perf_counter()
    subprocess.run(pinned, check=True, capture_output=True, timeout=60)  # noqa: S603
    return time.perf_counter() - began


ITEMS = (Item("start", START, start), Item("help", HELP, usage))
