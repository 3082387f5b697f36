"""Writes: creating events, signing up."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import asdict

import changemaker_core as cm
from changemaker_core.mail import canonical_email
from changemaker_events import mails, queries, webhooks
from changemaker_events.models import Event, SignUp
from changemaker_events.schemas import NewEvent, NewSignUp

#: The page sends mail to any address that a visitor types, so the number per visitor is limited.
PER_VISITOR: Final = cm.SlidingWindow("events.visitor", 20, timedelta(hours=1))
#: How long before an event people are reminded of it.
AHEAD: Final = timedelta(days=1)


class EventFull(Exception):
    """No place is left."""


def create(tx: cm.Tx, req: cm.Request, new: NewEvent, poster: str) -> str:
    """Create an event and return its id. Its address ends with a part of the id, and is unique."""
    id = cm.new_id()
    slug = f"{cm.slugify(new.title, 'event')}-{id[-6:]}"
    Event.insert(new, id=id, slug=slug, poster=poster, created_at=tx.now).execute()
    tx.audit("events.event.created", id, label=new.title, after=asdict(new))
    cm.flash(tx, req, cm.Text("The event is published."))
    webhooks.PUBLISHED.emit(tx, webhooks.Published(id, slug, new.title, new.starts_at))
    return id


def sign_up(tx: cm.Tx, slug: str, new: NewSignUp, locale: str, visitor: str) -> None:
    """Sign a person up, who gets a mail. A second time changes nothing, and says nothing else.

    Of an event within a day this mail is the reminder, too.
    Raises ``EventFull``, ``Conflict`` once it has begun, ``LimitReached`` after a visitor's 20th in
    an hour.
    """
    PER_VISITOR.take(tx, visitor)
    event, id = queries.event(slug=slug).get(), cm.new_id()
    if event.starts_at <= tx.now:
        raise cm.Conflict(cm.Text("This event has begun."), code="event_begun")
    insert = SignUp.insert(
        new,
        id=id,
        event=event.id,
        email=canonical_email(new.email),
        locale=locale,
        created_at=tx.now,
        reminded_at=tx.now if event.starts_at - tx.now <= AHEAD else None,
    )
    if not insert.on_conflict_ignore().as_rowcount().execute():
        return
    free = (Event.id == event.id) & (Event.taken < Event.capacity)
    if not Event.update(taken=Event.taken + 1).where(free).execute():
        raise EventFull
    mails.CONFIRMATION.send(tx, id)
    webhooks.SIGNED_UP.emit(tx, webhooks.SignedUp(event.id, event.slug))


def remind(tx: cm.Tx, limit: int = 500) -> int:
    """Enqueue the reminders of the next day, and return how many."""
    ids = queries.to_remind(now=tx.now, until=tx.now + AHEAD, limit=limit).all()
    for id in ids:
        SignUp.update(reminded_at=tx.now).where(SignUp.id == id).execute()
        mails.REMINDER.send(tx, id)
    return len(ids)


async def check_reminders(site: cm.Site) -> None:
    """Raise if people who sign up for what begins within ten hours were not reminded.

    Reminders rest for 13 hours each night, so some leave 11 hours ahead.
    """
    now = site.clock()
    until = now + timedelta(hours=10)
    if late := await site.db.count(queries.to_remind(now=now, until=until)):
        raise RuntimeError(f"{late} reminders are late: look at the queues")
