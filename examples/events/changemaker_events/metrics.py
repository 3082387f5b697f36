"""Metrics: one of the process, one read from the database."""

from __future__ import annotations

from typing import Final

from changemaker_core import Metric, Sample
from changemaker_events.models import SignUp


def _sign_ups() -> list[Sample]:
    return [Sample(float(SignUp.select().count()))]


METRICS: Final = [
    Metric("cm_events_full_total", "Sign-ups that found no place left"),
    Metric("cm_events_sign_ups", "People who have signed up", kind="gauge", read=_sign_ups),
]
