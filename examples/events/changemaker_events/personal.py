"""Sign-ups as personal data: exported, erased, and deleted a year after the event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import changemaker_core as cm
from changemaker_events.models import Event, SignUp

#: Sign-ups that are deleted in one transaction.
_BATCH: Final = 500


def _mine(person: cm.Person) -> Any:
    return SignUp.email.in_(person.emails)


def erase(tx: cm.Tx, person: cm.Person) -> int:
    """Delete a person's sign-ups; their places are free again."""
    rows = list(SignUp.select(SignUp.id, SignUp.event).where(_mine(person)).limit(_BATCH))
    for row in rows:
        Event.update(taken=Event.taken - 1).where(Event.id == row.event).execute()
    return int(SignUp.delete().where(SignUp.id.in_([row.id for row in rows])).execute())


def _of_past_events(before: datetime) -> Any:
    past = Event.select(Event.id).where(Event.starts_at < before)
    return SignUp.event.in_(past)


SIGN_UPS: Final = cm.PersonalData(
    "events.sign_ups",
    cm.Text("Sign-ups for events"),
    (SignUp.name, SignUp.email),
    export=lambda person: cm.export_rows(SignUp, _mine(person)),
    erase=erase,
    retention=cm.Retention(
        365,
        count=lambda before: SignUp.select().where(_of_past_events(before)).count(),
        expire=lambda _tx, before: cm.delete_rows(SignUp, _of_past_events(before)),
    ),
)
