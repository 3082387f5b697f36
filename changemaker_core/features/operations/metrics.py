"""What operations tells Prometheus."""

from __future__ import annotations

from changemaker_core import Metric, Sample
from changemaker_core.jobs import holds


def metrics() -> list[Metric]:
    """Read from the database, so that every process tells the same."""
    help = "Queues that wait for an operator to release them"
    return [Metric("cm_queue_held", help, kind="gauge", labels=("queue",), read=_held)]


def _held() -> list[Sample]:
    return [Sample(1.0, {"queue": hold.queue}) for hold in holds().all()]
