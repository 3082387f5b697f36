"""Rounds in turn: each contender runs alone on its core while the others are stopped."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import load, machine
from benchmarks.results import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.contenders import Running
    from benchmarks.load import Gets, Load, Posts

#: Seconds of load before each round: wrk knows whole seconds only.
LEAD_IN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure. ``patience``: seconds to wait for a quiet machine before each round."""

    rounds: int = 5
    seconds: int = 4
    patience: float = 20.0
    quick: bool = False

    @classmethod
    def short(cls) -> Effort:
        """Enough to see that everything works; the figures mean nothing."""
        return cls(rounds=2, seconds=1, patience=0.0, quick=True)


class Meter:
    """Watches one run: CPU time of the server, and whether others were busy meanwhile."""

    def __init__(self, running: Running, others: Sequence[int] = ()) -> None:
        self._server = running.server
        self._others = others
        self._before = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        clients = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
        others = sum(machine.cpu_seconds(machine.tree(pid)) for pid in self._others)
        return machine.busy_seconds(), self._server.cpu_seconds(), clients, others

    def read(self) -> tuple[float, float]:
        """CPU seconds of the server since the start, and those of strangers."""
        busy, server, clients, others = (
            now - then for now, then in zip(self._now(), self._before, strict=True)
        )
        return server, max(0.0, busy - server - clients - others)


def alternate(
    running: Sequence[Running],
    work: Callable[[Running], Gets | Posts],
    effort: Effort,
    *,
    missing: dict[str, str],
    others: Sequence[int] = (),
    cores: str | None = None,
) -> list[Measurement]:
    """Measure each contender under ``work``, round after round.

    One that fails requests is left out, and why is noted in ``missing``. ``others`` are processes
    that belong to the work, such as a database's. ``cores`` are the load generator's, where it does
    not have one of its own.
    """
    for one in running:
        one.server.pause()
    measurements = [Measurement(name=one.contender.name, series={}) for one in running]
    pairs = list(zip(running, measurements, strict=True))
    for number in range(-1, effort.rounds):
        for one, measurement in pairs[:: 1 if number % 2 == 0 else -1]:
            if one.contender.name in missing:
                continue
            try:
                if number < 0:
                    _warm_up(one, work(one), effort, cores)
                else:
                    _round(one, measurement, work(one), effort, others, cores)
            except load.LoadFailed as problem:
                missing[one.contender.name] = str(problem)
                one.server.pause()
    for one in running:
        one.server.go_on()
    return [each for each in measurements if each.name not in missing]


def _warm_up(one: Running, work: Gets | Posts, effort: Effort, cores: str | None) -> None:
    one.server.go_on()
    seconds = 1 if effort.quick else one.contender.warm_up
    load.full_speed(one.server.address, work, seconds, cores=cores)
    one.server.pause()


def _round(
    one: Running,
    measurement: Measurement,
    work: Gets | Posts,
    effort: Effort,
    others: Sequence[int],
    cores: str | None,
) -> None:
    quiet = machine.wait_until_quiet(effort.patience)
    one.server.go_on()
    # What was stopped has lost its place in the processor's caches.
    load.full_speed(one.server.address, work, LEAD_IN, cores=cores)
    meter = Meter(one, others)
    seen = load.full_speed(one.server.address, work, effort.seconds, cores=cores)
    cpu, strangers = meter.read()
    memory = one.server.memory()
    one.server.pause()
    if not quiet or strangers / seen.seconds > machine.QUIET:
        measurement.noisy_rounds += 1
    for name, value in {
        **figures(seen),
        "CPU µs/request": cpu / seen.requests * 1e6,
        "RSS MB": memory.largest,
        "all MB": memory.total,
    }.items():
        measurement.series.setdefault(name, []).append(value)


def figures(seen: Load) -> dict[str, float]:
    """What a run of wrk says, under the names that tables show."""
    times = {"p50 ms": seen.p50, "p95 ms": seen.p95, "p99 ms": seen.p99}
    return {"requests/s": seen.per_second, **times}
