"""Reads."""

from __future__ import annotations

import peewee

from changemaker_core import Query, compiled
from changemaker_relay.models import RelayNote
from changemaker_relay.schemas import NoteOut


@compiled(NoteOut)
def notes(limit: int = 1000) -> Query:
    """Return the notes in the order in which this site got them."""
    return RelayNote.select_for(NoteOut).order_by(RelayNote.id).limit(limit)


@compiled(NoteOut)
def note(origin: str, number: int) -> Query:
    """Return one note."""
    mine = (RelayNote.origin == origin) & (RelayNote.number == number)
    return RelayNote.select_for(NoteOut).where(mine)


def last_number(origin: str) -> int:
    """Return the number of the origin's last note, 0 where there is none."""
    last = RelayNote.select(peewee.fn.MAX(RelayNote.number)).where(RelayNote.origin == origin)
    return last.scalar() or 0
