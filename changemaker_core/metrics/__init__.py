"""Metrics of processes and of the domain, for Prometheus.

``registry`` counts, merges and exposes them; ``process_metrics`` has what one process counted,
``snapshots`` the files through which the processes of a site share it.
"""

from changemaker_core.metrics.declarations import METRICS, Metric, Sample
from changemaker_core.metrics.registry import Counter, Gauge, Metrics

__all__ = ["METRICS", "Counter", "Gauge", "Metric", "Metrics", "Sample"]
