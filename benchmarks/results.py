"""What was measured: one file for each work item, so that an item can be run again alone."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime

import msgspec

from benchmarks import machine, places


class Measurement(msgspec.Struct, kw_only=True):
    """One contender's figures: each series has a value for every round."""

    name: str
    series: dict[str, list[float]]
    #: Rounds during which others used more of the machine than they may.
    noisy_rounds: int = 0

    def median(self, series: str) -> float:
        """The middle value of a series."""
        return statistics.median(self.series[series])


class Target(msgspec.Struct, kw_only=True):
    """What is to be reached: ``value`` is compared with ``bound``."""

    text: str
    value: float
    bound: float
    at_least: bool = True
    unit: str = "×"

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Result(msgspec.Struct, kw_only=True):
    """One work item. ``main`` is the series that is plotted and shown with its range."""

    item: str
    title: str
    main: str
    measurements: list[Measurement]
    targets: list[Target] = []
    notes: list[str] = []
    missing: dict[str, str] = {}
    quick: bool = False
    rounds: int = 0
    seconds: int = 0
    took: float = 0.0
    when: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat("T", "minutes"))
    machine: dict[str, str] = msgspec.field(default_factory=machine.description)

    def of(self, name: str) -> Measurement | None:
        """A contender's figures, if it was measured."""
        return next((each for each in self.measurements if each.name == name), None)

    def ratio(self, one: str, other: str, series: str) -> float | None:
        """The ratio of two contenders' medians, where both were measured."""
        first, second = self.of(one), self.of(other)
        return first.median(series) / second.median(series) if first and second else None

    def aim(
        self, one: str, other: str, bound: float, text: str, series: str = "requests/s"
    ) -> None:
        """Add a target on a ratio, where both sides were measured."""
        value = self.ratio(one, other, series)
        if value is not None:
            self.targets.append(Target(text=text, value=value, bound=bound))


def save(result: Result) -> None:
    """Keep it; an earlier one of the same item is replaced."""
    file = places.made("results") / f"{result.item}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result)))


def load(item: str) -> Result | None:
    """The stored result of an item."""
    file = places.made("results") / f"{item}.json"
    return msgspec.json.decode(file.read_bytes(), type=Result) if file.exists() else None
