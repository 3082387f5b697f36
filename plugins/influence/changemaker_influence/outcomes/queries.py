"""Reads of single messages, for those who decide about them."""

from __future__ import annotations

from changemaker_core import Query, compiled
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.schemas import EmailOut


@compiled(EmailOut)
def email_by_id(id: str) -> Query:
    """Return a message for its campaign's organisers."""
    return CampaignEmail.select_for(EmailOut).where(CampaignEmail.id == id)


@compiled(str)
def campaign_of_email(id: str) -> Query:
    """Return the id of a message's campaign."""
    return CampaignEmail.select(CampaignEmail.campaign).where(CampaignEmail.id == id)


@compiled(EmailOut)
def emails_with(status: str, limit: int) -> Query:
    """Return messages of all campaigns with this status, in no order."""
    return CampaignEmail.select_for(EmailOut).where(CampaignEmail.status == status).limit(limit)
