"""A site's metrics: counted in this process, merged over its processes, read from its database."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family

from changemaker_core.metrics.declarations import METRICS
from changemaker_core.metrics.process_metrics import BUCKETS, ProcessMetrics, RequestTimes, Snapshot
from changemaker_core.metrics.snapshots import SnapshotFolder
from changemaker_core.text import did_you_mean
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from changemaker_core.metrics.declarations import Metric, Sample
    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Seconds between writes to the file, the most that a process loses when it is killed.
INTERVAL = 0.5


class Metrics:
    """The metrics of a site. Costs nothing, and starts no thread, until something is counted."""

    def __init__(self, site: Site) -> None:
        self._site = site
        contributed = site.loaded.contributions(METRICS)
        self._declared: dict[str, Metric] = {each.item.name: each.item for each in contributed}
        for metric in self._declared.values():
            _check(metric)
        self._counted = ProcessMetrics()
        self._folder = SnapshotFolder(site.config.site_dir / "run" / "metrics")
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._writer: threading.Thread | None = None
        self._dirty = False

    @property
    def declared(self) -> dict[str, tuple[Metric, ...]]:
        """The metrics that are declared, by the name of the plugin that declares them."""
        by_plugin: dict[str, tuple[Metric, ...]] = {}
        for each in self._site.loaded.contributions(METRICS):
            by_plugin[each.plugin.name] = (*by_plugin.get(each.plugin.name, ()), each.item)
        return by_plugin

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is a path template; on the event loop's thread only."""
        series = self._counted.requests.get((method, route, status))
        if series is None:
            series = self._counted.requests[method, route, status] = RequestTimes()
        series.observe(seconds)
        # Not `_mark_dirty()`: this runs for each request, and the writer runs after the first.
        self._dirty = True
        if self._writer is None:
            self._mark_dirty()

    def counter(self, name: str) -> Counter:
        """Return a counter that a plugin declared. Raises ``LookupError`` for any other name."""
        return Counter(self, self._process_metric(name, "counter"))

    def gauge(self, name: str) -> Gauge:
        """Return a gauge that a plugin declared. Raises ``LookupError`` for any other name."""
        return Gauge(self, self._process_metric(name, "gauge"))

    async def exposition(self, *others: Family) -> bytes:
        """Return all metrics, of all processes together, and ``others`` in text format 0.0.4."""
        merged = await asyncio.to_thread(self._merge)
        families = [*_request_families(merged), *self._process_families(merged)]
        read = await asyncio.gather(*map(self._read, self._declared.values()))
        return generate_latest(_Collected([*families, *filter(None, read), *others]))

    async def _read(self, metric: Metric) -> Family | None:
        """Read a metric from the database; None where it has no ``read``, and where it fails.

        One query that fails must not hide all other metrics from the operator.
        """
        if metric.read is None:
            return None
        try:
            return _family(metric, await self._site.db.read(_samples, metric.read))
        except Exception:
            log.exception("a metric could not be read", extra={"metric": metric.name})
            return None

    def close(self) -> None:
        """Write the last counts and stop."""
        self._stop.set()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
            try:
                self._write()
            except OSError:  # the process ends all the same
                log.exception("the last counts cannot be written")
            atexit.unregister(self.close)
        self._folder.leave()

    def add(self, metric: Metric, labels: tuple[str, ...], amount: float) -> None:
        """Add to a counter."""
        with self._lock:
            counters = self._counted.counters
            counters[metric.name, labels] = counters.get((metric.name, labels), 0.0) + amount
        self._mark_dirty()

    def set(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Set a gauge of this process; the gauges of several processes are summed."""
        with self._lock:
            self._counted.gauges[metric.name, labels] = value
        self._mark_dirty()

    def _process_metric(self, name: str, kind: str) -> Metric:
        metric = self._declared.get(name)
        if metric is None or metric.read is not None or metric.kind != kind:
            names = [m.name for m in self._declared.values() if m.read is None and m.kind == kind]
            problem = f"No plugin declares {name!r} as a {kind} of the process."
            raise LookupError(problem + did_you_mean(name, names))
        return metric

    def _mark_dirty(self) -> None:
        self._dirty = True
        with self._lock:
            if self._writer is not None or self._stop.is_set():
                return
            self._writer = threading.Thread(
                target=self._write_repeatedly, name="metrics", daemon=True
            )
            self._writer.start()
        atexit.register(self.close)

    def _write_repeatedly(self) -> None:
        trouble = Trouble(log, "metrics cannot be written")
        while not self._stop.wait(INTERVAL):
            try:
                if self._dirty:
                    self._write()
                    trouble.passed()
            except OSError as error:  # a full disk must not end the thread: it is tried again
                trouble.failed(error)
                self._dirty = True

    def _write(self) -> None:
        with self._writing:
            self._dirty = False
            self._folder.write(self._snapshot)

    def _snapshot(self) -> Snapshot:
        with self._lock:  # only now: whoever counts must not wait for files
            return self._counted.snapshot()

    def _merge(self) -> ProcessMetrics:
        # A scrape of another process, just after this one, must find the same counts.
        if self._dirty:
            self._write()
        return self._folder.merged()

    def _process_families(self, merged: ProcessMetrics) -> Iterator[Family]:
        for metric in self._declared.values():
            if metric.read is None:
                values = merged.counters if metric.kind == "counter" else merged.gauges
                found = [(labels, v) for (name, labels), v in values.items() if name == metric.name]
                # A counter without labels is exposed from the start, at 0.
                yield _labelled(metric, found or ([] if metric.labels else [((), 0.0)]))


class Counter:
    """A counter of this process; it only goes up, and is summed over processes."""

    def __init__(self, metrics: Metrics, metric: Metric) -> None:
        self._metrics = metrics
        self._metric = metric

    def inc(self, amount: float = 1, **labels: str) -> None:
        """Add ``amount``, at least 0. Every label of the metric must be given."""
        if amount < 0:
            raise ValueError("a counter can only increase")
        self._metrics.add(self._metric, _values(self._metric, labels), amount)


class Gauge:
    """A gauge of this process, which goes up and down."""

    def __init__(self, metrics: Metrics, metric: Metric) -> None:
        self._metrics = metrics
        self._metric = metric

    def set(self, value: float, **labels: str) -> None:
        """Set the value. Every label of the metric must be given."""
        self._metrics.set(self._metric, _values(self._metric, labels), value)


class _Collected:
    """Collected families, in the form that prometheus-client takes."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _check(metric: Metric) -> None:
    if metric.kind == "counter" and not metric.name.endswith("_total"):
        raise ValueError(f"the counter {metric.name!r} must have a name that ends with _total")


def _values(metric: Metric, labels: dict[str, str]) -> tuple[str, ...]:
    if labels.keys() != set(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}")
    return tuple(labels[name] for name in metric.labels)


def _samples(read: Callable[[], Iterable[Sample]]) -> list[Sample]:
    return list(read())


def _family(metric: Metric, samples: Sequence[Sample]) -> Family:
    return _labelled(metric, [(_values(metric, dict(s.labels)), s.value) for s in samples])


def _labelled(metric: Metric, values: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _request_families(merged: ProcessMetrics) -> list[Family]:
    total = CounterMetricFamily(
        "http_request_total", "Requests responded to", labels=("method", "route", "status")
    )
    by_route: dict[tuple[str, str], RequestTimes] = {}
    for (method, route, status), series in sorted(merged.requests.items(), key=lambda i: i[0]):
        total.add_metric((method, route, str(status)), sum(series.counts))
        by_route.setdefault((method, route), RequestTimes()).add(series)
    return [total, _duration_family(by_route)]


def _duration_family(by_route: dict[tuple[str, str], RequestTimes]) -> Family:
    family = HistogramMetricFamily(
        "http_request_duration_seconds", "Time to respond", labels=("method", "route")
    )
    bounds = [*map(str, BUCKETS), "+Inf"]
    for labels, series in by_route.items():
        below = [sum(series.counts[: n + 1]) for n in range(len(bounds))]
        family.add_metric(labels, list(zip(bounds, below, strict=True)), series.seconds)
    return family
