"""Metrics of pledges."""

from __future__ import annotations

from typing import Final

from changemaker_core import Metric, Sample
from changemaker_pledges.models import Pledge


def _pledges() -> list[Sample]:
    return [Sample(float(Pledge.select().count()))]


METRICS: Final = [Metric("cm_pledges", "People who have pledged", kind="gauge", read=_pledges)]
