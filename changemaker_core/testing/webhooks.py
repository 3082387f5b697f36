"""What a plugin's tests see of webhooks: the events that a site would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from changemaker_core import Site, Tx, WebhookEvent


class EmittedEvent(NamedTuple):
    """An event as its receiver gets it: its name, and what its payload became as JSON."""

    name: str
    data: dict[str, Any]


class WebhookInbox:
    """Receives the events of a site in place of another program; nothing is sent.

    >>> inbox = WebhookInbox(site, SIGNED)
    >>> await client.post("/petitions/parks", json=signature)
    >>> assert inbox.take() == [("petitions.signature.confirmed", {"petition_id": "…"})]

    Blocks: in a coroutine, call ``await asyncio.to_thread(inbox.take)``.
    """

    def __init__(self, site: Site, *events: WebhookEvent) -> None:
        from changemaker_core.features.webhooks import services

        def subscribe(tx: Tx) -> str:
            names = [event.name for event in events]
            sealer, url = services.sealer_of(site), "https://receiver.example/"
            new = services.create(tx, sealer, url=url, events=names)
            # What happens is stored for one that is suspended, and not sent.
            return services.change(tx, new.endpoint.id, {"status": "suspended"}).id

        self._site = site
        self._id = site.db.sync.write(subscribe)

    def take(self) -> list[EmittedEvent]:
        """Return what was emitted since the last call, in order."""
        from changemaker_core.features.webhooks.models import Delivery

        def take(tx: Tx) -> list[EmittedEvent]:
            own = Delivery.endpoint == self._id
            rows = list(Delivery.select().where(own).order_by(Delivery.position, Delivery.id))
            Delivery.delete().where(own).execute()
            return [EmittedEvent(r.event, msgspec.json.decode(r.body)["data"]) for r in rows]

        return self._site.db.sync.write(take)
