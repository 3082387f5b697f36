"""What other programs can be notified of. Ids and what is public: no person's name or address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Text, WebhookEvent
from changemaker_influence.states import CampaignStatus

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.campaigns.schemas import CampaignOut


class CampaignPayload(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is then; one that was deleted is archived. Its page is
    ``/campaigns/{slug}``."""

    campaign_id: str
    slug: str
    title: str
    status: CampaignStatus


class EmailPayload(msgspec.Struct, frozen=True, kw_only=True):
    """A letter of a campaign, by its id in the API."""

    email_id: str
    campaign_id: str


PUBLISHED: Final = WebhookEvent(
    "influence.campaign.published", CampaignPayload, Text("A campaign is published or resumed")
)
CHANGED: Final = WebhookEvent(
    "influence.campaign.changed", CampaignPayload, Text("A published campaign is changed")
)
CLOSED: Final = WebhookEvent(
    "influence.campaign.closed",
    CampaignPayload,
    Text("A published campaign is paused, archived or deleted"),
)
SENT: Final = WebhookEvent(
    "influence.email.sent", EmailPayload, Text("A mail server has accepted a letter")
)
FAILED: Final = WebhookEvent(
    "influence.email.failed", EmailPayload, Text("A letter was not delivered, and is not retried")
)
CANCELLED: Final = WebhookEvent(
    "influence.email.cancelled", EmailPayload, Text("A letter is cancelled before it is sent")
)
EVENTS: Final = (PUBLISHED, CHANGED, CLOSED, SENT, FAILED, CANCELLED)


def campaign_changed(tx: Tx, before: CampaignOut, after: CampaignOut) -> None:
    """Emit what a change of a campaign is to others; nothing while it is a draft."""
    was_open, is_open = before.status == "ACTIVE", after.status == "ACTIVE"
    if is_open and not was_open:
        event = PUBLISHED
    elif was_open and not is_open:
        event = CLOSED
    elif after.published_at is not None:
        event = CHANGED
    else:
        return
    event.emit(tx, _payload(after, after.status))


def campaign_deleted(tx: Tx, campaign: CampaignOut) -> None:
    """Emit that a campaign is closed, where it was not before it was deleted."""
    if campaign.status == "ACTIVE":
        CLOSED.emit(tx, _payload(campaign, "ARCHIVED"))


def _payload(campaign: CampaignOut, status: CampaignStatus) -> CampaignPayload:
    return CampaignPayload(
        campaign_id=campaign.id, slug=campaign.slug, title=campaign.title, status=status
    )
