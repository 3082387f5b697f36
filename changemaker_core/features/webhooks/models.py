"""Endpoints, and what was and is to be delivered to them."""

from __future__ import annotations

from typing import Literal

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id

#: ``off``: by a person; nothing is stored for it. ``suspended``: it has failed for days; what
#: happens is stored, and delivered once a person sets it to ``active``. ``gone``: it responded 410,
#: and wants nothing any more.
EndpointStatus = Literal["active", "off", "suspended", "gone"]
#: ``waiting``: it is still to be delivered. ``failed``: it is not tried again by itself.
DeliveryState = Literal["waiting", "delivered", "failed"]


class Endpoint(Model):
    """An address that receives webhooks.

    ``secret`` is sealed, and so is ``previous_secret``, which signs too until ``previous_until``.
    ``failing_since`` is when the first of the last ``failures`` in a row was, and ``not_before``
    when the next attempt is made, if that is later than at once.
    """

    id = UUIDField(primary_key=True, default=new_id)
    url = peewee.TextField()
    description = peewee.CharField(max_length=200, default="")
    events = JSONField()
    status = peewee.CharField(max_length=16, default="active")
    status_reason = peewee.TextField(default="")
    secret = peewee.TextField()
    previous_secret = peewee.TextField(null=True)
    previous_until = UtcField(null=True)
    failing_since = UtcField(null=True)
    failures = peewee.IntegerField(default=0)
    not_before = UtcField(null=True)
    created_at = UtcField()
    #: The id of the user who gets a mail when the endpoint is suspended.
    owner_id = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "webhooks_endpoint"


class Delivery(Model):
    """One event for one endpoint, and how its last attempt ended.

    ``position`` orders the deliveries of an endpoint: what began after another had been committed
    is behind it. That of a test is 0: it waits for nobody. ``body`` is what is signed and sent, to
    the byte; ``message_id`` is the same at each attempt, and for each endpoint. ``request_id`` is
    that of the request that the event began with, if one did.
    """

    id = UUIDField(primary_key=True, default=new_id)
    endpoint = peewee.ForeignKeyField(Endpoint, lazy_load=False, on_delete="CASCADE", index=False)
    position = peewee.BigIntegerField(default=0)
    message_id = peewee.CharField(max_length=64)
    event = peewee.CharField(max_length=100)
    body = peewee.TextField()
    state = peewee.CharField(max_length=16, default="waiting")
    created_at = UtcField()
    attempts = peewee.IntegerField(default=0)
    attempted_at = UtcField(null=True)
    status_code = peewee.IntegerField(null=True)
    milliseconds = peewee.IntegerField(null=True)
    error = peewee.TextField(default="")
    response = peewee.TextField(default="")
    request_id = peewee.TextField(null=True)

    class Meta:
        table_name = "webhooks_delivery"


Delivery.add_index(Delivery.endpoint, Delivery.position, name="webhooks_delivery_position")
# Not partial: SQLite knows of no bound value that it is the one of the index.
Delivery.add_index(
    Delivery.state,
    Delivery.endpoint,
    Delivery.position,
    Delivery.id,
    name="webhooks_delivery_state",
)
Delivery.add_index(Delivery.endpoint, Delivery.id, name="webhooks_delivery_listed")
Delivery.add_index(
    Delivery.endpoint, Delivery.state, Delivery.id, name="webhooks_delivery_state_listed"
)
Delivery.add_index(Delivery.created_at, name="webhooks_delivery_created_at")
