"""What plugins declare to Prometheus: metrics of a process, or read from the database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from changemaker_core.plugin.contributions import Kind, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_NAME = re.compile(r"cm_[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric that is read from the database."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """A Prometheus metric, named ``cm_…`` in base units.

    With ``read``, it is read from the database at each scrape: ``read()`` runs inside
    ``site.db.read`` and returns samples, so every process reports the same values and a restart
    loses none. Without, it is a process metric that the plugin increments through
    ``site.metrics.counter(name)`` and which is merged over processes.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"] = "counter"
    labels: tuple[str, ...] = ()
    read: Callable[[], Iterable[Sample]] | None = None


def _problems(metric: Metric) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(metric.name):
        problem = f"The metric {metric.name!r} must be named cm_ followed by a-z, 0-9 and _."
        yield problem, "Call it cm_, then the plugin's name, then what it counts."


METRICS = Kind("cm_register_metrics", Metric, named("metric"), _problems, ("read()",))
