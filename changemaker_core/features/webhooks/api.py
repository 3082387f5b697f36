"""The interface of webhooks for the organisers' pages and other plugins."""

from __future__ import annotations

from changemaker_core.features.webhooks.models import DeliveryState, EndpointStatus
from changemaker_core.features.webhooks.queries import (
    DeliveryRow,
    StoredEndpoint,
    backlogs,
    deliveries,
    delivery,
    endpoints,
    failed_deliveries,
    listed_deliveries,
    listed_endpoints,
)
from changemaker_core.features.webhooks.refusals import ERRORS, check_url
from changemaker_core.features.webhooks.resources import MANAGE
from changemaker_core.features.webhooks.schemas import EventOut, WebhookOut
from changemaker_core.features.webhooks.services import (
    NewEndpoint,
    WebhookRefused,
    change,
    check_events,
    create,
    delete,
    delete_deliveries,
    events_of,
    redeliver,
    redeliver_failed,
    redeliver_one,
    rotate_secret,
    sealer_of,
    send_test,
    version_of,
)
from changemaker_core.features.webhooks.urls import server_of
from changemaker_core.features.webhooks.views import listed_events, webhook_out

__all__ = [
    "ERRORS",
    "MANAGE",
    "DeliveryRow",
    "DeliveryState",
    "EndpointStatus",
    "EventOut",
    "NewEndpoint",
    "StoredEndpoint",
    "WebhookOut",
    "WebhookRefused",
    "backlogs",
    "change",
    "check_events",
    "check_url",
    "create",
    "delete",
    "delete_deliveries",
    "deliveries",
    "delivery",
    "endpoints",
    "events_of",
    "failed_deliveries",
    "listed_deliveries",
    "listed_endpoints",
    "listed_events",
    "redeliver",
    "redeliver_failed",
    "redeliver_one",
    "rotate_secret",
    "sealer_of",
    "send_test",
    "server_of",
    "version_of",
    "webhook_out",
]
