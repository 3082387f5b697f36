"""Counters, gauges and request times of one process, and their sums over several."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

#: Upper bounds of the histogram of request times, in seconds; one more bucket has no bound.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Name and label values of a counter or gauge.
Key = tuple[str, tuple[str, ...]]
#: Method, route template and status of requests.
RequestKey = tuple[str, str, int]


class RequestTimes:
    """A histogram of the requests of one kind. ``counts`` is not cumulative."""

    __slots__ = ("counts", "seconds")

    def __init__(self, counts: list[int] | None = None, seconds: float = 0.0) -> None:
        self.counts = counts or [0] * (len(BUCKETS) + 1)
        self.seconds = seconds

    def observe(self, seconds: float) -> None:
        """Count one request."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def add(self, other: RequestTimes) -> None:
        """Add the requests of another process."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


class Snapshot(msgspec.Struct, array_like=True):
    """The metrics of a process as they are written to its file."""

    counters: list[tuple[str, tuple[str, ...], float]] = []
    gauges: list[tuple[str, tuple[str, ...], float]] = []
    requests: list[tuple[str, str, int, list[int], float]] = []


class ProcessMetrics:
    """Counters, gauges and request times; of one process, or summed over several."""

    def __init__(self) -> None:
        self.counters: dict[Key, float] = {}
        self.gauges: dict[Key, float] = {}
        self.requests: dict[RequestKey, RequestTimes] = {}

    def add(self, snapshot: Snapshot, *, alive: bool = True) -> None:
        """Add the metrics of a process; the gauges of a dead one are left out."""
        for name, labels, value in snapshot.counters:
            self.counters[name, labels] = self.counters.get((name, labels), 0.0) + value
        for name, labels, value in snapshot.gauges if alive else ():
            self.gauges[name, labels] = self.gauges.get((name, labels), 0.0) + value
        for method, route, status, counts, seconds in snapshot.requests:
            series = self.requests.setdefault((method, route, status), RequestTimes())
            series.add(RequestTimes(counts, seconds))

    def snapshot(self) -> Snapshot:
        """Return the metrics as they are written to a file. Safe to call from any thread."""
        return Snapshot(
            [(name, labels, value) for (name, labels), value in self.counters.copy().items()],
            [(name, labels, value) for (name, labels), value in self.gauges.copy().items()],
            [
                (*key, series.counts.copy(), series.seconds)
                for key, series in self.requests.copy().items()
            ],
        )
