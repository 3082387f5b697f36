"""Recording: what happened becomes a delivery for each endpoint, in the event's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core import new_id
from changemaker_core.features.webhooks.models import Delivery
from changemaker_core.features.webhooks.queries import last_position, subscribed

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Tx

#: The job that sends what waits for an endpoint. There is one at a time.
DELIVER: Final = "webhooks.deliver"
#: The job that sends a test, or another delivery that waits for nobody.
DELIVER_ONE: Final = "webhooks.deliver_one"


def record(tx: Tx, event: str, data: msgspec.Struct) -> int:
    """Store an event for each endpoint that wants it, and return how many these are.

    The deliveries exist once the transaction commits.
    """
    wanted = [each.id for each in subscribed().all() if event in each.events]
    if not wanted:
        return 0
    message_id, body = new_message_id(), encode(event, tx.now, data)
    stored = 0
    for endpoint_id in wanted:
        try:
            with tx.savepoint():
                place = next_position(endpoint_id)
                _insert(tx, endpoint_id, message_id, event, body, position=place)
        except peewee.IntegrityError:  # it was deleted since the query
            continue
        enqueue(tx, endpoint_id)
        stored += 1
    return stored


def record_test(tx: Tx, endpoint_id: str, event: str, data: msgspec.Struct) -> str:
    """Store a test for one endpoint, and return the id of the delivery. It waits for no other."""
    body = encode(event, tx.now, data)
    return _insert(tx, endpoint_id, new_message_id(), event, body, position=0)


def enqueue(tx: Tx, endpoint_id: str, due_at: datetime | None = None) -> str:
    """Have what waits for an endpoint sent, unless that is enqueued already; return the job's id.

    One that runs may have looked before this transaction commits: another one follows it.
    """
    payload = {"endpoint_id": endpoint_id}
    return tx.enqueue(DELIVER, payload, due_at=due_at, key=f"{DELIVER}:{endpoint_id}")


def encode(event: str, at: datetime, data: msgspec.Struct) -> str:
    """Return the body of an event: ``{"type", "timestamp", "data"}``."""
    body = {"type": event, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", "data": data}
    return msgspec.json.encode(body).decode()


def new_message_id() -> str:
    """Return an id for one event, by which receivers know what they have received before."""
    return f"msg_{new_id()}"


def next_position(endpoint_id: str) -> int:
    """Return the position behind all deliveries of an endpoint, inside a transaction.

    NOTE(order): what begins after another delivery was committed is behind it, whatever the clocks
    of two machines say. Transactions that run at the same time may have the same position: nothing
    is before or after in them, and they need not wait for each other.
    """
    return last_position(endpoint_id=endpoint_id).get().position + 1


def _insert(
    tx: Tx, endpoint_id: str, message_id: str, event: str, body: str, *, position: int
) -> str:
    id = new_id()
    Delivery.insert(
        id=id,
        endpoint=endpoint_id,
        position=position,
        message_id=message_id,
        event=event,
        body=body,
        created_at=tx.now,
        request_id=tx.request_id,
    ).execute()
    return id
