"""Notes: the manifest."""

from __future__ import annotations

from changemaker_core import Permission, Plugin, Role, Text
from changemaker_notes.models import WRITE, Note
from changemaker_notes.screens import CARD, LIST


class NotesPlugin(Plugin):
    """What organisers want to remember."""

    name = "notes"
    requires = ("admin",)
    contributes = (
        Note,
        Permission(WRITE, Text("Read notes and tick them off")),
        Role("NOTES_KEEPER", Text("Keeps notes"), frozenset({WRITE})),
        LIST,
        CARD,
    )
