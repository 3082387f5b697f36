"""The pages about webhooks, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.webhooks import pages
from changemaker_admin.webhooks.editing import EditWebhookPage, NewWebhookPage
from changemaker_admin.webhooks.managing import WEBHOOKS_PATH
from changemaker_core import Route

_ONE: Final = f"{WEBHOOKS_PATH}/{{id}}"
_DELIVERY: Final = f"{_ONE}/deliveries/{{delivery}}"

CONTRIBUTIONS: Final = (
    Route(f"{WEBHOOKS_PATH}/new", NewWebhookPage()),
    Route(_ONE, pages.WebhookPage()),
    Route(f"{_ONE}/edit", EditWebhookPage()),
    Route(f"{_ONE}/state", pages.StatePage()),
    Route(f"{_ONE}/test", pages.SendTestPage()),
    Route(f"{_ONE}/rotate-secret", pages.RotatePage()),
    Route(f"{_ONE}/delete", pages.DeletePage()),
    Route(f"{_ONE}/redeliver-failed", pages.RedeliverFailedPage()),
    Route(_DELIVERY, pages.DeliveryPage()),
    Route(f"{_DELIVERY}/redeliver", pages.RedeliverPage()),
)
