"""Reads of pledges."""

from __future__ import annotations

from changemaker_core import Query, Sample, compiled
from changemaker_pledges.models import Pledge
from changemaker_pledges.schemas import PledgeOut


@compiled(PledgeOut)
def pledges(limit: int = 51, offset: int = 0) -> Query:
    """Return all pledges, latest first."""
    return _pledges().order_by(Pledge.id.desc()).limit(limit).offset(offset)


@compiled(PledgeOut)
def pledge_by_id(id: str) -> Query:
    """Return a pledge by its id."""
    return _pledges().where(Pledge.id == id)


@compiled(PledgeOut)
def pledge_by_email(email: str) -> Query:
    """Return the pledge of an email address."""
    return _pledges().where(Pledge.email == email)


def count_pledges() -> list[Sample]:
    """Return the number of pledges, for a metric."""
    return [Sample(float(Pledge.select().count()))]


def _pledges() -> Query:
    return Pledge.select_for(PledgeOut)
