"""What the ledger tells Prometheus."""

from __future__ import annotations

from peewee import fn

from changemaker_core import Metric, Sample
from changemaker_influence.emails.models import CampaignEmail, EmailTally


def metrics() -> list[Metric]:
    """Read from the database, so that every process tells the same."""
    return [
        Metric("cm_emails_sent_total", "Messages handed over to the mail server", read=_sent),
        Metric("cm_emails_failed_total", "Messages that were not delivered", read=_failed),
        Metric("cm_email_queue_depth", "Messages waiting to be sent", kind="gauge", read=_waiting),
    ]


def _sent() -> list[Sample]:
    return [Sample(float(EmailTally.select(fn.SUM(EmailTally.sent)).scalar() or 0))]


def _failed() -> list[Sample]:
    return [Sample(_count("FAILED"))]


def _waiting() -> list[Sample]:
    return [Sample(_count("QUEUED", "SENDING"))]


def _count(*status: str) -> float:
    return float(CampaignEmail.select().where(CampaignEmail.status.in_(status)).count())
