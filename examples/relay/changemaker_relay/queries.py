"""Reads."""

from __future__ import annotations

import peewee

from changemaker_core import Query, compiled
from changemaker_relay.models import RelayNote
from changemaker_relay.schemas import NoteOut


@compiled(NoteOut)
def notes(after: int | None = None, limit: int = 51, offset: int = 0) -> Query:
    """Return the notes in the order in which this site got them, from the id ``after`` on."""
    query = RelayNote.select_for(NoteOut)
    if after is not None:
        query = query.where(RelayNote.id > after)
    return query.order_by(RelayNote.id).limit(limit).offset(offset)


@compiled(NoteOut)
def notes_between(origin: str, after: int, up_to: int, limit: int = 100) -> Query:
    """Return the notes of an origin with numbers above ``after``, up to ``up_to``, in order."""
    return (
        RelayNote.select_for(NoteOut)
        .where(RelayNote.origin == origin, RelayNote.number > after, RelayNote.number <= up_to)
        .order_by(RelayNote.number)
        .limit(limit)
    )


def last_number(origin: str) -> int:
    """Return the number of the origin's last note, 0 where there is none."""
    last = RelayNote.select(peewee.fn.MAX(RelayNote.number)).where(RelayNote.origin == origin)
    return last.scalar() or 0


def text_of(origin: str, number: int) -> str | None:
    """Return the text of one note, if it is here."""
    found = RelayNote.get_or_none(RelayNote.origin == origin, RelayNote.number == number)
    return None if found is None else found.text
