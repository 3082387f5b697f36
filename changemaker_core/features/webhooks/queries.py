"""Queries of endpoints and deliveries."""

from __future__ import annotations

from datetime import datetime

import msgspec
from peewee import fn

from changemaker_core import Query, compiled
from changemaker_core.features.webhooks.models import (
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointStatus,
)


class StoredEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, without its secrets."""

    id: str
    url: str
    description: str
    events: list[str]
    status: EndpointStatus
    status_reason: str
    failing_since: datetime | None
    failures: int
    previous_until: datetime | None
    created_at: datetime
    owner_id: str | None


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed secrets of an endpoint."""

    id: str
    secret: str
    previous_secret: str | None
    previous_until: datetime | None


class Subscribed(msgspec.Struct, frozen=True):
    """An endpoint for which events are stored."""

    id: str
    events: list[str]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is to be sent, and where to."""

    id: str
    endpoint_id: str
    message_id: str
    body: str
    attempts: int
    request_id: str | None
    url: str
    status: EndpointStatus
    not_before: datetime | None


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as its list shows it."""

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


class Position(msgspec.Struct, frozen=True):
    """The place of a delivery among those of its endpoint."""

    position: int


class Backlog(msgspec.Struct, frozen=True):
    """How many deliveries wait for an endpoint, and since when the oldest of them does."""

    endpoint_id: str
    deliveries: int
    oldest: datetime


@compiled(StoredEndpoint)
def endpoints(id: str | None = None) -> Query:
    """All endpoints, or one; the oldest first."""
    query = Endpoint.select_for(StoredEndpoint)
    if id is not None:
        query = query.where(Endpoint.id == id)
    return query.order_by(Endpoint.id)


@compiled(StoredEndpoint)
def listed_endpoints(status: str | None = None) -> Query:
    """All endpoints, or those in one state, for a list that pages through them."""
    query = Endpoint.select_for(StoredEndpoint)
    if status is not None:
        query = query.where(Endpoint.status == status)
    return query.order_by(Endpoint.id)


@compiled(Secrets)
def secrets(id: str | None = None) -> Query:
    """The secrets of all endpoints, or of one."""
    query = Endpoint.select_for(Secrets)
    if id is not None:
        query = query.where(Endpoint.id == id)
    return query.order_by(Endpoint.id)


@compiled(Subscribed)
def subscribed() -> Query:
    """The endpoints for which events are stored."""
    wanted = Endpoint.status.in_(["active", "suspended"])
    return Endpoint.select_for(Subscribed).where(wanted).order_by(Endpoint.id)


@compiled(Waiting)
def next_waiting(endpoint_id: str) -> Query:
    """The delivery of an endpoint that is next to be sent."""
    return (
        _to_send()
        .where(Delivery.endpoint == endpoint_id, Delivery.state == "waiting", Delivery.position > 0)
        .order_by(Delivery.position, Delivery.id)
        .limit(1)
    )


@compiled(Waiting)
def delivery_to_send(id: str) -> Query:
    """A delivery, while it waits."""
    return _to_send().where(Delivery.id == id, Delivery.state == "waiting")


@compiled(DeliveryRow)
def deliveries(
    endpoint_id: str, state: str | None = None, limit: int = 50, offset: int = 0
) -> Query:
    """The deliveries of an endpoint, the newest first; those in one state by their order, the last
    one first."""
    query = Delivery.select_for(DeliveryRow).where(Delivery.endpoint == endpoint_id)
    if state is None:
        query = query.order_by(Delivery.id.desc())
    else:  # as the index has them
        query = query.where(Delivery.state == state)
        query = query.order_by(Delivery.position.desc(), Delivery.id.desc())
    return query.limit(limit).offset(offset)


@compiled(DeliveryRow)
def listed_deliveries(id: str, state: str | None = None) -> Query:
    """The deliveries of the endpoint ``id``, for a list that pages through them."""
    query = Delivery.select_for(DeliveryRow).where(Delivery.endpoint == id)
    if state is not None:
        query = query.where(Delivery.state == state)
    return query.order_by(Delivery.id.desc())


@compiled(DeliveryRow)
def failed_deliveries(endpoint_id: str, limit: int = 50) -> Query:
    """The deliveries of an endpoint that have failed and can be repeated together: no tests."""
    failed = (Delivery.state == "failed") & (Delivery.endpoint == endpoint_id)
    query = Delivery.select_for(DeliveryRow).where(failed, Delivery.position > 0)
    return query.order_by(Delivery.position, Delivery.id).limit(limit)


@compiled(DeliveryRow)
def delivery(id: str, endpoint_id: str) -> Query:
    """A delivery, if it is this endpoint's."""
    own = (Delivery.id == id) & (Delivery.endpoint == endpoint_id)
    return Delivery.select_for(DeliveryRow).where(own)


@compiled(Backlog)
def backlogs() -> Query:
    """The endpoints for which deliveries wait. Only the oldest delivery of each is looked at."""
    waiting = Delivery.alias()
    first = (
        waiting.select(
            waiting.endpoint.alias("endpoint_id"),
            fn.COUNT(waiting.endpoint).alias("deliveries"),
            fn.MIN(waiting.position).alias("position"),
        )
        .where(waiting.state == "waiting")
        .group_by(waiting.endpoint)
        .alias("first")
    )
    is_first = (
        (Delivery.endpoint == first.c.endpoint_id)
        & (Delivery.position == first.c.position)
        & (Delivery.state == "waiting")
    )
    return (
        Delivery.select(
            Delivery.endpoint.alias("endpoint_id"),
            fn.MAX(first.c.deliveries).alias("deliveries"),
            fn.MIN(Delivery.created_at).alias("oldest"),
        )
        .join(first, on=is_first)
        .group_by(Delivery.endpoint)
    )


@compiled(Position)
def last_position(endpoint_id: str) -> Query:
    """The position of the last delivery of an endpoint; 0 where there is none."""
    last = fn.COALESCE(fn.MAX(Delivery.position), 0).alias("position")
    return Delivery.select(last).where(Delivery.endpoint == endpoint_id)


def _to_send() -> Query:
    return Delivery.select(
        Delivery.id,
        Delivery.endpoint.alias("endpoint_id"),
        Delivery.message_id,
        Delivery.body,
        Delivery.attempts,
        Delivery.request_id,
        Endpoint.url,
        Endpoint.status,
        Endpoint.not_before,
    ).join(Endpoint)
