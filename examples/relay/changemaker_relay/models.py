"""The table of notes, in the order in which this site got them."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField


class RelayNote(Model):
    """One note. ``number`` counts the notes of its ``origin``, a site's base URL, from 1."""

    id = peewee.AutoField()
    origin = peewee.TextField()
    number = peewee.IntegerField()
    text = peewee.TextField()
    received_at = UtcField()

    class Meta:
        table_name = "relay_note"
        indexes = ((("origin", "number"), True),)
