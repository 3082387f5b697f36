"""Metrics of queues and jobs, read from the database, and of health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Metric, Sample
from changemaker_core.jobs import holds, queue_depths

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

    from changemaker_core.features.operations.health import Health

_STATUS: Final = {"ok": 0.0, "warning": 1.0, "failed": 2.0}


def health_metric(health: Health) -> GaugeMetricFamily:
    """Return the status of each health check."""
    from prometheus_client.core import GaugeMetricFamily

    help = "Health checks: 0 passes, 1 warns, 2 fails"
    family = GaugeMetricFamily("cm_health_check_status", help, labels=("check",))
    for check in health.checks:
        family.add_metric((check.name,), _STATUS[check.status])
    return family


def _held() -> list[Sample]:
    return [Sample(1.0, {"queue": hold.queue}) for hold in holds().all()]


def _jobs() -> list[Sample]:
    return [
        Sample(float(depth.jobs), {"queue": depth.queue, "state": depth.state})
        for depth in queue_depths().all()
    ]


def _oldest() -> list[Sample]:
    return [
        Sample(depth.oldest.timestamp(), {"queue": depth.queue})
        for depth in queue_depths().all()
        if depth.state == "queued"
    ]


METRICS: Final = (
    Metric("cm_event_streams", "Event streams that are open", kind="gauge"),
    Metric(
        "cm_queue_held",
        "Queues that wait for an operator to release them",
        kind="gauge",
        labels=("queue",),
        read=_held,
    ),
    Metric("cm_jobs", "Jobs in the outbox", kind="gauge", labels=("queue", "state"), read=_jobs),
    Metric(
        "cm_job_oldest_timestamp_seconds",
        "When the job that has waited longest was to start",
        kind="gauge",
        labels=("queue",),
        read=_oldest,
    ),
)
