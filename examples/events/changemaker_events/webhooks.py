"""What other programs are notified of: a calendar, a newsletter. Nobody's name is in it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

import changemaker_core as cm


class Published(msgspec.Struct, frozen=True):
    """An event, as everybody can see it at ``/events/{slug}``."""

    event_id: str
    slug: str
    title: str
    starts_at: datetime


class SignedUp(msgspec.Struct, frozen=True):
    """One more person comes to an event."""

    event_id: str
    slug: str


PUBLISHED: Final = cm.WebhookEvent(
    "events.event.published", Published, cm.Text("An event is published")
)
SIGNED_UP: Final = cm.WebhookEvent(
    "events.person.signed_up", SignedUp, cm.Text("A person signs up for an event")
)
