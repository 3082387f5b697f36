"""Bodies and responses of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, ListQuery, SingleLine
from changemaker_core.features.webhooks.models import DeliveryState, EndpointStatus
from changemaker_core.features.webhooks.urls import LONGEST

Url = Annotated[SingleLine, Meta(min_length=1, max_length=LONGEST)]
Events = Annotated[list[str], Meta(min_length=1, max_length=500)]
Description = Annotated[SingleLine, Meta(max_length=200)]


class NewWebhook(Body, frozen=True, kw_only=True):
    """A webhook to create: where it is sent, and the names of its events."""

    url: Url
    events: Events
    description: Description = ""


class WebhookChange(Body, frozen=True, kw_only=True):
    """What is to change. ``active`` also continues a webhook that is suspended or gone."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: Literal["active", "off"] | UnsetType = UNSET


class Rotation(Body, frozen=True, kw_only=True):
    """For how many hours the former secret signs as well."""

    overlap_hours: Annotated[float, Meta(ge=0, le=168)] = 24.0


class DeliveriesQuery(ListQuery, frozen=True, kw_only=True):
    """A page of the deliveries, if given only those in one state."""

    state: DeliveryState | None = None


class WebhookOut(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. ``status_reason`` says why it is suspended or gone; ``failing_since`` is null
    unless the last attempt failed; until ``previous_secret_until`` two secrets sign."""

    id: str
    url: str
    description: str
    events: list[str]
    status: EndpointStatus
    status_reason: str
    failing_since: datetime | None
    waiting: int
    previous_secret_until: datetime | None
    created_at: datetime


class WebhookWithSecret(WebhookOut, frozen=True, kw_only=True):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, and how its last attempt ended.

    ``message_id`` is the header ``webhook-id``. ``response`` is the beginning of the receiver's,
    and ``body`` what is sent, to the byte. ``request_id`` is the request that the event began with.
    """

    id: str
    message_id: str
    event: str
    state: DeliveryState
    created_at: datetime
    attempts: int
    attempted_at: datetime | None
    status_code: int | None
    milliseconds: int | None
    error: str
    response: str
    body: str
    request_id: str | None


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """An event that webhooks can have. ``personal`` says which data about people it contains;
    ``payload`` is the JSON Schema of ``data``."""

    name: str
    plugin: str
    label: str
    personal: str
    payload: dict[str, Any]


class SentTest(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of a test."""

    delivery_id: str
