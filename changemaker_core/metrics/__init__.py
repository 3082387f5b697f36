"""Numbers about the process and the domain, for Prometheus."""

from changemaker_core.metrics.registry import Counter, Gauge, Metrics

__all__ = ["Counter", "Gauge", "Metrics"]
