"""What directories tell Prometheus."""

from __future__ import annotations

from changemaker_core import Metric, Sample
from changemaker_influence.directories.queries import lookup_counts
from changemaker_influence.directories.services import COUNTED


def metrics() -> list[Metric]:
    """Read from the database, so that every process tells the same."""
    return [
        Metric(
            "cm_representative_lookups_total",
            "Lookups of representatives, by where the answer came from",
            labels=("source",),
            read=_lookups,
        )
    ]


def _lookups() -> list[Sample]:
    counted = {each.source: each.count for each in lookup_counts().all()}
    return [Sample(float(counted.get(source, 0)), {"source": source}) for source in COUNTED]
