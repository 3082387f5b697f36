"""Numbers about the process and the domain, for Prometheus."""

from changemaker_core.metrics.declarations import METRICS, Metric, Sample
from changemaker_core.metrics.registry import Counter, Gauge, Metrics

__all__ = ["METRICS", "Counter", "Gauge", "Metric", "Metrics", "Sample"]
