"""Two apps with different databases and plugins in one process never meet."""

from __future__ import annotations

import asyncio
import threading

import peewee
import pytest

from changemaker_core import (
    Body,
    Model,
    Plugin,
    Query,
    Route,
    UUIDField,
    compiled,
    endpoint,
    hookimpl,
    new_id,
)
from changemaker_core.app import create_app
from changemaker_core.config import Config
from changemaker_core.testing.fixtures.site import client_of, migrate

ROUNDS = 60


class Note(Model):
    """The same model class, in both sites."""

    id = UUIDField(primary_key=True, default=new_id)
    text = peewee.CharField()

    class Meta:
        table_name = "notes_note"


class NewNote(Body):
    text: str


class NoteText(Body):
    text: str


@compiled(NoteText)
def texts() -> Query:
    return Note.select(Note.text)


def insert(tx, text):
    Note.insert(text=text).execute()


class Notes:
    def __init__(self, site):
        self.site = site

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        return {"data": [note.text for note in await self.site.db.all(texts())]}

    @endpoint(public=True, body=NewNote, status=201)
    async def on_post(self, req, resp, *, body):
        await self.site.db.write(insert, body.text)
        return {"text": body.text}


class NotesPlugin(Plugin):
    name = "notes"

    @hookimpl
    def cm_register_models(self):
        return [Note]

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/api/notes", Notes(site))]


class Only:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {"here": True}


class ExtraPlugin(Plugin):
    name = "extra"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/api/extra", Only())]


def prepare(tmp_path, name, url, *plugins):
    folder = tmp_path / name
    folder.mkdir()
    app = create_app(Config.for_tests(folder, database_url=url), [NotesPlugin, *plugins])
    migrate(app.site)
    app.site.db.sync.write(lambda tx: Note._meta.database.create_tables([Note]))
    return app


def write_from_thread(site, text):
    for number in range(ROUNDS):
        site.db.sync.write(insert, f"{text} thread {number}")


async def write_from_tasks(client, text):
    for number in range(ROUNDS):
        answer = await client.post("/api/notes", json={"text": f"{text} task {number}"})
        assert answer.status_code == 201, answer.text
        await client.get("/api/notes")


async def test_two_sites_in_one_process_never_meet(tmp_path, database_url):
    left = prepare(tmp_path, "left", database_url, ExtraPlugin)
    right = prepare(tmp_path, "right", f"sqlite:///{tmp_path / 'right' / 'own.db'}")
    async with (
        left.lifespan(),
        right.lifespan(),
        client_of(left) as at_left,
        client_of(right) as at_right,
    ):
        threads = [
            threading.Thread(target=write_from_thread, args=(app.site, name))
            for app, name in ((left, "left"), (right, "right"))
        ]
        for thread in threads:
            thread.start()
        await asyncio.gather(
            *(write_from_tasks(at_left, "left") for _ in range(3)),
            *(write_from_tasks(at_right, "right") for _ in range(3)),
        )
        for thread in threads:
            await asyncio.to_thread(thread.join)
        for client, name in ((at_left, "left"), (at_right, "right")):
            notes = (await client.get("/api/notes")).json()["data"]
            assert len(notes) == 4 * ROUNDS
            assert {note.split()[0] for note in notes} == {name}
        assert (await at_left.get("/api/extra")).status_code == 200
        assert (await at_right.get("/api/extra")).status_code == 404


async def test_a_model_outside_of_a_unit_of_work_is_refused():
    with pytest.raises(Exception, match="outside"):
        Note.select().count()
