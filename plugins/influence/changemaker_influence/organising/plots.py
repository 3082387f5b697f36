"""Plots of counts by day, drawn by the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from changemaker_influence.numbers.schemas import DayCount

#: The picture's own units; it is as wide as its page.
WIDTH: Final = 720.0
HEIGHT: Final = 160.0
#: The part of a day's place that its bar takes.
_BAR: Final = 0.8


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one day."""

    day: date
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars by day; ``top`` is the number that the highest place stands for."""

    bars: Sequence[Bar]
    top: int

    @property
    def best(self) -> Bar | None:
        """The day with most, or ``None`` where every day has none."""
        best = max(self.bars, key=lambda bar: bar.count)
        return best if best.count else None


def plot_of(days: Sequence[DayCount]) -> Plot:
    """Return the plot of ``days``, of which there is one at least."""
    top = max(1, *(each.sent for each in days))
    place = WIDTH / len(days)

    def bar(index: int, each: DayCount) -> Bar:
        # Whatever is not nothing is seen.
        height = max(2.0, each.sent / top * (HEIGHT - 2)) if each.sent else 0.0
        return Bar(
            each.day,
            each.sent,
            round(index * place + place * (1 - _BAR) / 2, 2),
            round(HEIGHT - height, 2),
            round(place * _BAR, 2),
            round(height, 2),
        )

    return Plot([bar(index, each) for index, each in enumerate(days)], top)
