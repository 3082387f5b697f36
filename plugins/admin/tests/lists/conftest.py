"""A plugin with a list of notes, for the tests of list screens."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import msgspec
import peewee
import pytest

from changemaker_admin.api import (
    Badge,
    BulkAction,
    Choice,
    Column,
    DateRange,
    Empty,
    Link,
    ListScreen,
    Search,
)
from changemaker_admin.plugin import AdminPlugin
from changemaker_core import (
    Conflict,
    Model,
    Permission,
    Plugin,
    Query,
    Role,
    Scope,
    Text,
    Tx,
    UtcField,
    UUIDField,
    compiled,
    hookimpl,
    new_id,
    search,
)
from changemaker_core.testing import Clock

READ, WRITE = "notes.note.read", "notes.note.write"
#: When the first note of a test was written; the others follow a minute apart.
FIRST = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Note(Model):
    id = UUIDField(primary_key=True, default=new_id)
    title = peewee.CharField(max_length=200)
    state = peewee.CharField(max_length=16, default="open")
    book = UUIDField()
    written_at = UtcField()
    closed = peewee.IntegerField(default=0)

    class Meta:
        table_name = "notes_note"
        indexes = (
            (("title", "id"), False),
            (("written_at", "id"), False),
            (("book", "written_at", "id"), False),
        )


class NoteRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    state: str
    written_at: datetime
    closed: int


@compiled(NoteRow)
def all_notes(
    state: str | None = None,
    written_from: datetime | None = None,
    written_until: datetime | None = None,
    q: str | None = None,
    objects: list[str] | None = None,
) -> Query:
    query = Note.select_for(NoteRow)
    if state is not None:
        query = query.where(Note.state == state)
    if written_from is not None:
        query = query.where(Note.written_at >= written_from)
    if written_until is not None:
        query = query.where(Note.written_at < written_until)
    if q is not None:
        query = query.where(search(Note.title, q))
    if objects is not None:
        query = query.where(Note.book.in_(objects))
    return query


def close(tx: Tx, id: str) -> None:
    """Close a note; one that is closed cannot be closed again."""
    changed = Note.update(state="closed", closed=Note.closed + 1).where(
        (Note.id == id) & (Note.state == "open")
    )
    if not changed.execute():
        raise Conflict(Text("This note is closed already."))


def reopen(tx: Tx, id: str) -> None:
    """Open a note again."""
    Note.update(state="open").where(Note.id == id).execute()


CLOSE = BulkAction(
    name="close",
    label=Text("Close"),
    text=Text("Nobody can write to a closed note."),
    permission=WRITE,
    run=close,
    undo=reopen,
)

SCREEN = ListScreen(
    path="/admin/notes",
    title=Text("Notes"),
    permission=READ,
    on="*",
    query=all_notes,
    sort="-written_at",
    group="campaigns",
    columns=[
        Column("title", Text("Title"), link="/admin/notes/{id}", sort=True),
        Column(
            "state",
            Text("State"),
            "status",
            badges={"open": Badge(Text("Open"), "ok"), "closed": Badge(Text("Closed"))},
        ),
        Column("written_at", Text("Written"), "datetime", sort=True),
        Column("closed", Text("Times closed"), "number"),
    ],
    filters=[
        Search(Text("Search"), hint=Text("Title")),
        Choice("state", Text("State"), {"open": Text("Open"), "closed": Text("Closed")}),
        DateRange("written", Text("Written")),
    ],
    actions=[CLOSE],
    export="notes",
    empty=Empty(
        Text("No note yet"), Text("Write one."), Link(Text("Write a note"), "/notes/new", WRITE)
    ),
)


class NotesPlugin(Plugin):
    """Notes in books."""

    name = "notes"
    after = ("admin",)
    contributes = (
        Note,
        Permission(READ, Text("Read notes")),
        Permission(WRITE, Text("Write notes")),
        Role("NOTES_READER", Text("Reads notes"), frozenset({READ})),
        Role("NOTES_WRITER", Text("Writes notes"), frozenset({READ, WRITE})),
        Scope("notes.book", Text("Book"), frozenset({READ, WRITE}), lambda id: "A book"),
    )

    @hookimpl
    def admin_register_screens(self):
        return [SCREEN]


def write_notes(tx, count, *, book=None, first=FIRST, title="Note {n}"):
    """Write notes a minute apart, the first one first, and return their ids."""
    ids = [new_id() for _ in range(count)]
    rows = [
        (id, title.format(n=n), "open", book or new_id(), first + timedelta(minutes=n), 0)
        for n, id in enumerate(ids)
    ]
    names = ["id", "title", "state", "book", "written_at", "closed"]
    tx.insert_rows(Note, names, rows)
    return ids


@pytest.fixture
def notes():
    """This module: tests of an installed plugin cannot import it."""
    return sys.modules[__name__]


@pytest.fixture
def clock():
    """The clock of the app."""
    return Clock()


@pytest.fixture
async def app(open_app, clock):
    """An app with admin and notes."""
    async with open_app(AdminPlugin, NotesPlugin, clock=clock) as opened:
        await opened.site.db.write(lambda tx: tx.database.create_tables([Note]))
        yield opened


@pytest.fixture
def write(app):
    """``await write(function, …)``: on the site's database."""

    async def in_transaction(function, *args, **options):
        return await app.site.db.write(function, *args, **options)

    return in_transaction
