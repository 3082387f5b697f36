"""Hooks that webhooks offer to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Kind, hookspec, named
from changemaker_core.features.webhooks.declarations import WebhookEvent, problems_of

if TYPE_CHECKING:
    from changemaker_core import Site

WEBHOOK_EVENTS = Kind(
    "webhooks_register_events", WebhookEvent, named("webhook event", "."), problems_of
)


class WebhooksHooks:
    """Hooks about what other programs are notified of."""

    @hookspec
    def webhooks_register_events(self, site: Site) -> list[WebhookEvent]:  # type: ignore[empty-body]  # a hookspec has no body
        """Events that programs outside of the site can be notified of.

        >>> @hookimpl
        ... def webhooks_register_events(self):
        ...     return [WebhookEvent("hello.greeted", Greeted, Text("Somebody was greeted"))]
        """
