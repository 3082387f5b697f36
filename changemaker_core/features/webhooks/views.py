"""Webhooks as the API and the command line show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_core.features.webhooks.schemas import DeliveryOut, EventOut, WebhookOut
from changemaker_core.features.webhooks.services import events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from changemaker_core import Site
    from changemaker_core.features.webhooks.queries import Backlog, DeliveryRow, StoredEndpoint


def webhook_out(endpoint: StoredEndpoint, found: Iterable[Backlog], now: datetime) -> WebhookOut:
    """Return an endpoint, with how many deliveries wait for it."""
    until = endpoint.previous_until
    return WebhookOut(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        events=endpoint.events,
        status=endpoint.status,
        status_reason=endpoint.status_reason,
        failing_since=endpoint.failing_since,
        waiting=next((each.deliveries for each in found if each.endpoint_id == endpoint.id), 0),
        previous_secret_until=until if until is not None and until > now else None,
        created_at=endpoint.created_at,
    )


def delivery_out(row: DeliveryRow) -> DeliveryOut:
    """Return a delivery."""
    return DeliveryOut(**msgspec.structs.asdict(row))


def listed_events(site: Site, translate: Callable[[str], str]) -> list[EventOut]:
    """Return the events that plugins declare, by name."""
    found = (
        EventOut(
            name=each.item.name,
            plugin=each.plugin.name,
            label=translate(each.item.label),
            personal=translate(each.item.personal),
            payload=msgspec.json.schema(each.item.payload),
        )
        for each in events_of(site)
    )
    return sorted(found, key=lambda event: event.name)
