"""Numbers of the last days, as a card and a plot show them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The days of a plot, and of the period that it is compared with.
DAYS: Final = 30
#: The plot's units: a day is ten wide.
_WIDTH: Final = 10
HEIGHT: Final = 60


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a plot: its place and height in the plot's units."""

    day: date
    count: int
    x: int
    y: float
    height: float


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by day. ``total`` and ``today`` are of the period, ``before`` of that before it."""

    total: int
    before: int
    today: int
    bars: list[Bar]

    @classmethod
    def of(cls, counts: Sequence[int], last: date) -> Numbers:
        """Return the numbers of two periods, of which the second ends with the day ``last``."""
        before, shown = counts[:-DAYS], counts[-DAYS:]
        return cls(total=sum(shown), before=sum(before), today=shown[-1], bars=_bars(shown, last))

    @property
    def change(self) -> int | None:
        """Per cent by which the total is above that of the period before; ``None`` without one."""
        return round(100 * (self.total - self.before) / self.before) if self.before else None

    @property
    def width(self) -> int:
        """The width of the plot, in its units."""
        return _WIDTH * len(self.bars)

    @property
    def columns(self) -> tuple[list[str], list[int]]:
        """The days and their counts, as a script reads them."""
        return [bar.day.isoformat() for bar in self.bars], [bar.count for bar in self.bars]

    @property
    def best(self) -> Bar | None:
        """The day with most; ``None`` where there was none."""
        return max(self.bars, key=lambda bar: bar.count) if self.total else None


def _bars(counts: Sequence[int], last: date) -> list[Bar]:
    most = max(*counts, 1)
    first = last - timedelta(days=len(counts) - 1)
    bars = []
    for number, count in enumerate(counts):
        # One of a thousand is seen, too.
        height = max(2.0, round(HEIGHT * count / most, 1)) if count else 0.0
        day, y = first + timedelta(days=number), round(HEIGHT - height, 1)
        bars.append(Bar(day=day, count=count, x=number * _WIDTH, y=y, height=height))
    return bars
