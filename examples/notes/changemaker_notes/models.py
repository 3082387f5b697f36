"""Notes, their rows in a list, and what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import peewee

from changemaker_core import Model, Query, Site, Tx, UtcField, UUIDField, compiled, new_id

#: The permission to read notes, and to tick them off.
WRITE = "notes.note.write"


class Note(Model):
    """Something that organisers want to remember."""

    id = UUIDField(primary_key=True, default=new_id)
    text = peewee.CharField(max_length=500)
    written_at = UtcField()
    is_done = peewee.BooleanField(default=False)

    class Meta:
        table_name = "notes_note"
        indexes = ((("is_done", "written_at", "id"), False), (("is_done", "id"), False))


class NoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A note in the list."""

    id: str
    text: str
    written_at: datetime


@compiled(NoteRow)
def open_notes() -> Query:
    """Return the notes that are not ticked off."""
    return Note.select_for(NoteRow).where(Note.is_done == False)  # noqa: E712  # SQL, not Python


async def count_open(site: Site, objects: Sequence[str] | None) -> int:
    """Return how many notes are not ticked off."""
    return await site.db.count(open_notes())


def tick_off(tx: Tx, id: str) -> None:
    """Tick a note off. It does no harm to do so again."""
    Note.update(is_done=True).where(Note.id == id).execute()


def put_back(tx: Tx, id: str) -> None:
    """Put a note back on the list."""
    Note.update(is_done=False).where(Note.id == id).execute()
