"""A plugin of notes, each of which is a cached response: what the caches are tested with."""

from __future__ import annotations

import peewee

from changemaker_core import (
    Body,
    Model,
    NotFound,
    Plugin,
    Query,
    Route,
    Tx,
    UUIDField,
    compiled,
    endpoint,
    hookimpl,
    new_id,
)


class Note(Model):
    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(unique=True)
    text = peewee.TextField()

    class Meta:
        table_name = "notes_note"


class Shown(Body):
    slug: str
    text: str


@compiled(Shown)
def note(slug: str) -> Query:
    return Note.select(Note.slug, Note.text).where(Note.slug == slug)


def put(tx: Tx, slug: str, text: str) -> None:
    """Write a note, whether there is one or not."""
    values = {"slug": slug, "text": text}
    Note.insert(**values).on_conflict(conflict_target=[Note.slug], update=values).execute()


class Notes:
    """Counts in ``runs`` how often a note was read from the database."""

    def __init__(self, site):
        self.site = site
        self.runs = 0

    @endpoint(public=True, cache=60, response=Shown, rate_limit="1000/minute")
    async def on_get(self, req, resp, *, slug):
        self.runs += 1
        found = await self.site.db.one(note(slug))
        if found is None:
            raise NotFound
        return found

    @endpoint(public=True, body=Shown)
    async def on_put(self, req, resp, *, slug, body):
        await self.site.db.write(put, slug, body.text)
        return {}


class NotesPlugin(Plugin):
    name = "notes"

    @hookimpl
    def cm_register_models(self):
        return [Note]

    @hookimpl
    def cm_register_routes(self, site):
        self.notes = Notes(site)
        return [Route("/api/notes/{slug}", self.notes)]
