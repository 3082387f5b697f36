"""What the pages about webhooks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core.features.webhooks import api as webhooks

if TYPE_CHECKING:
    from changemaker_core import Problem, Site

WEBHOOKS_PATH: Final = "/admin/webhooks"


def path_of(id: str) -> str:
    """Return the path of a webhook's page."""
    return f"{WEBHOOKS_PATH}/{id}"


async def find_webhook(site: Site, id: str) -> webhooks.WebhookOut:
    """Return a webhook, with how many deliveries wait for it. Raise ``RowNotFound``."""
    stored = await site.db.get(webhooks.endpoints(id=id))
    waiting = await site.db.all(webhooks.backlogs())
    return webhooks.webhook_out(stored, waiting, site.clock())


def problem_of(error: webhooks.WebhookRefused) -> Problem:
    """Return the response to what the rules of webhooks refuse, as the API gives it."""
    return webhooks.ERRORS[type(error)](error)
