"""What all pages of one campaign show: its state, and the way to its other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from changemaker_core import Text
from changemaker_core.features.accounts.api import account_by_id
from changemaker_influence.campaigns import permissions, services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from changemaker_core import EditConflict, Request
    from changemaker_influence.campaigns.schemas import CampaignOut, CampaignRow

ROOT: Final = "/admin/campaigns"
State = Literal["draft", "live", "scheduled", "ended", "paused", "archived"]
#: The colour of a state, and its word.
BADGES: Final[Mapping[State, tuple[str, Text]]] = {
    "draft": ("", Text("Draft")),
    "live": ("ok", Text("Live")),
    "scheduled": ("brand", Text("Not started yet")),
    "ended": ("", Text("Ended")),
    "paused": ("warn", Text("Paused")),
    "archived": ("", Text("Archived")),
}
#: The pages of a campaign: what follows its address, the name, and the permission to see it.
TABS: Final[tuple[tuple[str, Text, str], ...]] = (
    ("", Text("Edit"), permissions.READ),
    ("/recipients", Text("Recipients"), permissions.READ),
    ("/translations", Text("Languages"), permissions.READ),
    ("/preview", Text("Preview"), permissions.READ),
    ("/share", Text("Share and thank"), permissions.READ),
    ("/numbers", Text("Numbers"), permissions.READ),
)


#: The campaign of a small form was changed by another person since it was shown.
CHANGED: Final = Text(
    "Another person has changed this campaign meanwhile. Look whether this is still right, and save"
    " again."
)


def address(id: str, page: str = "") -> str:
    """Return the path of one of a campaign's pages."""
    return f"{ROOT}/{id}{page}"


def state_of(campaign: CampaignOut | CampaignRow, now: datetime) -> State:
    """Return what a campaign is at ``now``, as its organisers call it."""
    if campaign.status == "DRAFT":
        return "draft"
    if campaign.status == "ARCHIVED":
        return "archived"
    if campaign.ends_at is not None and campaign.ends_at <= now:
        return "ended"
    if campaign.status == "PAUSED":
        return "paused"
    if campaign.starts_at is not None and campaign.starts_at > now:
        return "scheduled"
    return "live"


def has_permission(req: Request, permission: str, id: str) -> bool:
    """Return whether the organiser holds a permission for this campaign."""
    objects = [] if req.actor is None else req.actor.objects(permission)
    return objects is None or id in objects


async def author_of(req: Request, conflict: EditConflict) -> str | None:
    """Return the name of the person who has saved in between, where they still have an account."""
    if conflict.saved_by is None:
        return None
    account = await req.site.db.one(account_by_id(conflict.saved_by))
    return None if account is None else account.name


def frame_of(req: Request, campaign: CampaignOut) -> dict[str, Any]:
    """Return the context that ``influence/admin/campaign.html`` needs for each page of it."""
    return {
        "campaign": campaign,
        "badge": BADGES[state_of(campaign, req.site.clock())],
        "can_write": has_permission(req, permissions.WRITE, campaign.id),
        "can_create": permissions.can_create(req),
        "tabs": [
            (address(campaign.id, page), name)
            for page, name, permission in TABS
            if has_permission(req, permission, campaign.id)
        ],
        "here": address(campaign.id),
    }


async def load(req: Request, id: str) -> CampaignOut:
    """Return the campaign of a page. Raises ``RowNotFound``."""
    return await req.site.db.read(services.find, id)
