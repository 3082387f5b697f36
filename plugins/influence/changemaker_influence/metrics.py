"""Metrics that are read from the database at each scrape, the same in every process."""

from __future__ import annotations

from typing import Final

from peewee import fn

from changemaker_core import Metric, Sample
from changemaker_influence.campaigns.models import EmailTally
from changemaker_influence.directories.queries import lookup_counts
from changemaker_influence.directories.services import COUNTED_SOURCES
from changemaker_influence.emails.models import CampaignEmail


def _sent() -> list[Sample]:
    return [Sample(float(EmailTally.select(fn.SUM(EmailTally.sent)).scalar() or 0))]


def _failed() -> list[Sample]:
    return [Sample(float(EmailTally.select(fn.SUM(EmailTally.failed)).scalar() or 0))]


def _waiting() -> list[Sample]:
    return [Sample(_count("QUEUED", "SENDING"))]


def _unknown() -> list[Sample]:
    return [Sample(_count("UNKNOWN"))]


def _count(*status: str) -> float:
    return float(CampaignEmail.select().where(CampaignEmail.status.in_(status)).count())


def _lookups() -> list[Sample]:
    counts = {row.source: row.count for row in lookup_counts().all()}
    return [Sample(float(counts.get(source, 0)), {"source": source}) for source in COUNTED_SOURCES]


METRICS: Final = (
    Metric("cm_emails_sent_total", "Messages sent, repeated ones included", read=_sent),
    Metric(
        "cm_emails_failed_total", "How often a message was given up as not delivered", read=_failed
    ),
    Metric("cm_email_queue_depth", "Messages waiting to be sent", kind="gauge", read=_waiting),
    Metric(
        "cm_emails_unknown",
        "Messages that may have arrived, for a person to settle",
        kind="gauge",
        read=_unknown,
    ),
    Metric(
        "cm_representative_lookups_total",
        "Lookups of representatives, by the source of the result",
        labels=("source",),
        read=_lookups,
    ),
)
