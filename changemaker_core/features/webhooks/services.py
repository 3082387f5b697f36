"""Rules of endpoints: creating, changing and removing them, and delivering again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from changemaker_core import EditConflict, RowNotFound, Text, did_you_mean, new_id
from changemaker_core.features.webhooks.deliveries.recording import (
    DELIVER_ONE,
    enqueue,
    next_position,
    record_test,
)
from changemaker_core.features.webhooks.deliveries.secrets import LOCK, PURPOSE, place_of
from changemaker_core.features.webhooks.deliveries.signatures import new_secret
from changemaker_core.features.webhooks.models import Delivery, Endpoint
from changemaker_core.features.webhooks.own import TEST, TestSent
from changemaker_core.features.webhooks.queries import delivery, endpoints, secrets
from changemaker_core.features.webhooks.urls import server_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from changemaker_core import Contribution, Sealer, Site, Tx
    from changemaker_core.features.webhooks.declarations import WebhookEvent
    from changemaker_core.features.webhooks.queries import StoredEndpoint

#: Each event is stored once for each of them.
MOST_ENDPOINTS: Final = 50
#: Deliveries that one transaction deletes.
CHUNK: Final = 1_000


class WebhookRefused(ValueError):
    """An endpoint cannot be stored so; the text tells a person why."""


class EventsRefused(WebhookRefused):
    """An endpoint is to receive events that no plugin declares, or none."""


class TooManyWebhooks(WebhookRefused):
    """The site has as many endpoints as it can have."""


class StillWaiting(WebhookRefused):
    """A delivery is to be repeated that has not ended yet."""


class NotActive(WebhookRefused):
    """A delivery is to be repeated to an endpoint that nothing is sent to."""


class NewEndpoint(NamedTuple):
    """An endpoint that was just created; ``secret`` is stored sealed, and shown this once."""

    endpoint: StoredEndpoint
    secret: str


def events_of(site: Site) -> list[Contribution[WebhookEvent]]:
    """Return the events that plugins of a site declare."""
    return site.call_hook("webhooks_register_events", site=site)


def check_events(wanted: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the names of events in order, each once. Raises ``EventsRefused``."""
    names = sorted(set(wanted))
    if not names:
        raise EventsRefused(Text("Choose at least one event."))
    if unknown := sorted(set(names) - set(known)):
        hints = "".join(did_you_mean(name, known) for name in unknown)
        problem = Text(
            "There are no such events: {names}.{hints}", names=", ".join(unknown), hints=hints
        )
        raise EventsRefused(problem)
    return names


def create(
    tx: Tx,
    sealer: Sealer,
    *,
    url: str,
    events: list[str],
    description: str = "",
    owner_id: str | None = None,
) -> NewEndpoint:
    """Create an endpoint. Raises ``TooManyWebhooks``.

    ``url`` and ``events`` were checked. ``owner_id`` is the user who gets a mail when it is
    suspended; without it, the user who acts.
    """
    tx.lock(LOCK)
    if Endpoint.select().count() >= MOST_ENDPOINTS:
        problem = Text("The site has {count} webhooks. Delete one first.", count=MOST_ENDPOINTS)
        raise TooManyWebhooks(problem)
    id, secret = new_id(), new_secret()
    Endpoint.insert(
        id=id,
        url=url,
        description=description,
        events=events,
        secret=sealer.seal(secret, place=place_of(id)),
        created_at=tx.now,
        owner_id=owner_id or (tx.actor.user_id if tx.actor else None),
    ).execute()
    created = endpoints(id=id).get()
    _audit(tx, "created", created, after=_recorded(created))
    return NewEndpoint(created, secret)


def version_of(endpoint: StoredEndpoint) -> str:
    """Return what tells one state of what people set of an endpoint from another."""
    return hashlib.sha256(msgspec.json.encode(_recorded(endpoint))).hexdigest()[:32]


def change(tx: Tx, id: str, wanted: Mapping[str, Any], seen: str | None = None) -> StoredEndpoint:
    """Change ``url``, ``events``, ``description`` or ``status``. Raises ``RowNotFound``, and
    ``EditConflict`` where ``seen`` is the ``version_of`` another state of it.

    What waits for an endpoint is tried at once where it is active then.
    """
    tx.lock(LOCK)
    before, values = endpoints(id=id).get(), dict(wanted)
    if seen is not None and seen != version_of(before):
        raise EditConflict(tx.now, None)
    if values.get("url", before.url) != before.url or "status" in values:
        values |= {"failing_since": None, "failures": 0, "not_before": None}
    if "status" in values:
        values["status_reason"] = ""
    if values:
        Endpoint.update(**values).where(Endpoint.id == id).execute()
    changed = endpoints(id=id).get()
    _audit(tx, "changed", changed, before=_recorded(before), after=_recorded(changed))
    if changed.status == "active" and values.keys() & {"url", "status"}:
        retry_now(tx, id)
    return changed


def retry_now(tx: Tx, id: str) -> None:
    """Have what waits for an endpoint sent now, also where it waits for its next attempt."""
    # A job that waits is cancelled, and enqueues the next one as it ends.
    tx.cancel(enqueue(tx, id))


def delete(tx: Tx, id: str) -> bool:
    """Delete an endpoint with its deliveries. Return whether there was one.

    Other writes wait meanwhile: have ``delete_deliveries`` delete most of them before.
    """
    found = endpoints(id=id).one()
    if found is None or not Endpoint.delete().where(Endpoint.id == id).execute():
        return False
    _audit(tx, "deleted", found, before=_recorded(found))
    return True


def delete_deliveries(tx: Tx, id: str) -> bool:
    """Delete some deliveries of an endpoint. Return whether more may be left."""
    some = Delivery.select(Delivery.id).where(Delivery.endpoint == id).limit(CHUNK)
    return int(Delivery.delete().where(Delivery.id.in_(some)).execute()) == CHUNK


def rotate_secret(tx: Tx, sealer: Sealer, id: str, overlap: timedelta) -> NewEndpoint:
    """Replace the secret of an endpoint; for ``overlap``, both sign. Raises ``RowNotFound``.

    Of secrets that are replaced during that time, the last one signs with the new one.
    """
    tx.lock(LOCK)  # so that of two at the same time the later one keeps what the other returned
    now, secret = secrets(id=id).get(), new_secret()
    keeps = overlap > timedelta(0)
    Endpoint.update(
        secret=sealer.seal(secret, place=place_of(id)),
        previous_secret=now.secret if keeps else None,
        previous_until=tx.now + overlap if keeps else None,
    ).where(Endpoint.id == id).execute()
    rotated = endpoints(id=id).get()
    _audit(tx, "secret_rotated", rotated, after={"previous_until": rotated.previous_until})
    return NewEndpoint(rotated, secret)


def send_test(tx: Tx, id: str) -> str:
    """Enqueue a test, and return the id of its delivery. Raises ``RowNotFound``."""
    delivery_id = store_test(tx, id)
    tx.enqueue(DELIVER_ONE, {"delivery_id": delivery_id})
    return delivery_id


def store_test(tx: Tx, id: str) -> str:
    """Store a test that the caller sends, and return its id. Raises ``RowNotFound``."""
    _audit(tx, "tested", endpoints(id=id).get())
    return record_test(tx, id, TEST.name, TestSent(webhook_id=id))


def redeliver(tx: Tx, endpoint_id: str, id: str) -> None:
    """Deliver a message again, behind those that wait. Raises ``RowNotFound``, ``NotActive`` and
    ``StillWaiting``."""
    found = delivery(id=id, endpoint_id=endpoint_id).get()
    endpoint = endpoints(id=endpoint_id).get()
    if endpoint.status != "active":
        raise NotActive(Text("This webhook is not active. Activate it first."))
    changed = (
        Delivery.update(state="waiting", attempts=0, position=next_position(endpoint_id))
        .where(Delivery.id == id, Delivery.state != "waiting")
        .execute()
    )
    if not changed:
        raise StillWaiting(Text("This delivery is still waiting to be sent."))
    enqueue(tx, endpoint_id)
    _audit(tx, "redelivered", endpoint, after={"message_id": found.message_id})


def redeliver_one(tx: Tx, id: str) -> None:
    """Deliver a message again, whichever endpoint it is of, as ``redeliver`` does."""
    found = Delivery.get_or_none(Delivery.id == id)
    if found is None:
        raise RowNotFound(Delivery.__name__)
    redeliver(tx, str(found.endpoint), id)


def redeliver_failed(tx: Tx, endpoint_id: str) -> int:
    """Deliver again what has failed, in order and behind what waits; return how much that is.

    One call takes ``CHUNK`` deliveries at most, the oldest first. Raises ``RowNotFound`` and
    ``NotActive``.
    """
    endpoint = endpoints(id=endpoint_id).get()
    if endpoint.status != "active":
        raise NotActive(Text("This webhook is not active. Activate it first."))
    failed = (Delivery.endpoint == endpoint_id) & (Delivery.state == "failed")
    failed &= Delivery.position > 0  # a test is of the moment that it was asked for
    oldest = Delivery.select(Delivery.id).where(failed)
    oldest = oldest.order_by(Delivery.position, Delivery.id).limit(CHUNK)
    # At one position they are delivered by their ids, which are in the order of the events.
    again = {"state": "waiting", "attempts": 0, "position": next_position(endpoint_id)}
    count = int(Delivery.update(**again).where(Delivery.id.in_(oldest)).execute())
    if count:
        enqueue(tx, endpoint_id)
        _audit(tx, "redelivered", endpoint, after={"deliveries": count})
    return count


def sealer_of(site: Site) -> Sealer:
    """Return what seals the secrets of endpoints."""
    return site.sealer(PURPOSE)


def _recorded(endpoint: StoredEndpoint) -> dict[str, Any]:
    fields = ("url", "description", "events", "status")
    return {name: getattr(endpoint, name) for name in fields}


def _audit(
    tx: Tx,
    what: str,
    endpoint: StoredEndpoint,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    tx.audit(
        f"webhooks.endpoint.{what}",
        endpoint.id,
        label=server_of(endpoint.url),
        before=before,
        after=after,
        secret=("url",),
    )
