"""Reads of events and sign-ups."""

from __future__ import annotations

from datetime import datetime

from changemaker_core import Query, Sample, compiled, search
from changemaker_events.models import Event, SignUp
from changemaker_events.schemas import EventOut, Person, Recipient


@compiled(EventOut)
def events(since: datetime, limit: int = 200) -> Query:
    """Return the events from ``since`` on, the next one first."""
    query = Event.select_for(EventOut).where(Event.starts_at >= since)
    return query.order_by(Event.starts_at, Event.id).limit(limit)


@compiled(EventOut)
def all_events() -> Query:
    """Return all events, the last one first."""
    return Event.select_for(EventOut).order_by(Event.starts_at.desc(), Event.id.desc())


@compiled(EventOut)
def event(slug: str) -> Query:
    """Return one event."""
    return Event.select_for(EventOut).where(Event.slug == slug)


@compiled(Person)
def people(slug: str, q: str | None = None) -> Query:
    """Return who comes to an event; with ``q``, those with that in their name."""
    query = SignUp.select_for(Person).join(Event).where(Event.slug == slug)
    return query if q is None else query.where(search(SignUp.name, q))


@compiled(Recipient)
def recipient(sign_up: str) -> Query:
    """Return whom the mail about a sign-up goes to, and of which event it is."""
    query = SignUp.select_for(
        Recipient,
        slug=Event.slug,
        title=Event.title,
        place=Event.place,
        starts_at=Event.starts_at,
    )
    return query.join(Event).where(SignUp.id == sign_up)


@compiled(str)
def posters() -> Query:
    """Return the pictures that are in use."""
    return Event.select(Event.poster).where(Event.poster != "")


@compiled(str)
def to_remind(now: datetime, until: datetime, limit: int = 500) -> Query:
    """Return the sign-ups of events between ``now`` and ``until`` that had no reminder yet."""
    soon = (Event.starts_at > now) & (Event.starts_at <= until)
    query = SignUp.select(SignUp.id).join(Event)
    return query.where(soon, SignUp.reminded_at.is_null()).order_by(SignUp.id).limit(limit)


def count_sign_ups() -> list[Sample]:
    """Return the number of sign-ups, for a metric."""
    return [Sample(float(SignUp.select().count()))]
