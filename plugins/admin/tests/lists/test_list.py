"""The page of a list: filters, orders, pages, files, and who sees what."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from changemaker_admin.api import Column, Search
from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Text, hookimpl, new_id
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import as_role


def titles(page):
    return re.findall(r'<a href="/admin/notes/[^".]+">([^<]+)</a>', page.text)


def link(page, rel):
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return "/admin/notes" + found[1].replace("&amp;", "&") if found else None


async def test_pages_follow_each_other_and_lead_back(app, write, notes):
    await write(notes.write_notes, 120)
    async with as_role(app, "NOTES_READER") as client:
        first = await client.get("/admin/notes")
        assert "120 entries" in first.text
        assert titles(first) == [f"Note {n}" for n in range(119, 69, -1)]
        assert link(first, "prev") is None
        second = await client.get(link(first, "next"))
        third = await client.get(link(second, "next"))
        assert titles(third) == [f"Note {n}" for n in range(19, -1, -1)]
        assert link(third, "next") is None
        back = await client.get(link(third, "prev"))
        assert titles(back) == titles(second)
        again = await client.get(link(back, "prev"))
        assert titles(again) == titles(first)
        assert link(again, "prev") is None


@pytest.mark.database("sqlite")
async def test_a_list_says_what_to_do_first(app):
    async with as_role(app, "NOTES_WRITER") as client:
        page = await client.get("/admin/notes")
        assert "No note yet" in page.text and 'href="/notes/new"' in page.text
        assert "Search" not in page.text, "there is nothing to filter"
        french = await client.get("/admin/notes", headers={"Accept-Language": "fr"})
        assert "Nothing" not in french.text
    async with as_role(app, "NOTES_READER") as client:
        assert 'href="/notes/new"' not in (await client.get("/admin/notes")).text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=ete", ["Été 1", "Été 0"]),
        ("?state=closed", ["Été 0"]),
        ("?state=unknown", ["Été 1", "Été 0", "Note 1", "Note 0"]),
        ("?written_from=2026-07-02&written_until=2026-07-02", ["Été 1", "Été 0"]),
        ("?written_until=2026-07-01", ["Note 1", "Note 0"]),
        ("?written_from=yesterday&q=note", ["Note 1", "Note 0"]),
        ("?written_from=9999-12-31", []),
        ("?sort=written_at", ["Note 0", "Note 1", "Été 0", "Été 1"]),
        ("?cursor=forged&sort=%00&q=%00", ["Été 1", "Été 0", "Note 1", "Note 0"]),
    ],
)
async def test_filters_and_orders_are_in_the_address(app, write, notes, query, found):
    await write(notes.write_notes, 2)
    summer = await write(
        notes.write_notes, 2, first=notes.FIRST + timedelta(days=1), title="Été {n}"
    )
    await write(notes.close, summer[0])
    async with as_role(app, "NOTES_READER") as client:
        page = await client.get(f"/admin/notes{query}")
        assert page.status_code == 200
        assert titles(page) == found
        file = await client.get(f"/admin/notes/export.csv{query}")
    assert [line.split(",")[0] for line in file.text.splitlines()[1:]] == found


@pytest.mark.database("sqlite")
async def test_what_was_typed_wrong_is_said_at_its_field(app, write, notes):
    await write(notes.write_notes, 1)
    async with as_role(app, "NOTES_READER") as client:
        page = await client.get("/admin/notes?written_from=%3Cb%3E&q=nothing")
    assert 'value="&lt;b&gt;"' in page.text and 'id="written_from-error"' in page.text
    assert "Nothing found" in page.text and 'href="/admin/notes">Show all' in page.text


@pytest.mark.database("sqlite")
async def test_a_visitor_sees_the_objects_of_their_scope_alone(app, write, notes):
    mine = new_id()
    await write(notes.write_notes, 1, book=mine, title="Mine")
    await write(notes.write_notes, 1, title="Theirs")
    async with as_role(app, "NOTES_READER", on=("notes.book", mine)) as client:
        page = await client.get("/admin/notes")
        assert titles(page) == ["Mine"] and "1 entry" in page.text
        assert '<a href="/admin/notes"' in page.text, "it is in the menu"
        assert "Theirs" not in (await client.get("/admin/notes/export.csv")).text
    async with as_role(app, "USER") as client:
        assert (await client.get("/admin/notes")).status_code == 403
        assert (await client.get("/admin/notes/export.xlsx")).status_code == 403


async def test_files_have_what_the_filters_find_and_are_recorded(app, write, notes):
    await write(notes.write_notes, 60, title="=Note {n}")
    async with as_role(app, "NOTES_READER") as client:
        file = await client.get("/admin/notes/export.csv?q=note&sort=written_at")
        sheet = await client.get("/admin/notes/export.xlsx?q=note")
    rows = file.text.splitlines()
    assert len(rows) == 61
    assert rows[1] == "'=Note 0,Open,2026-07-01T12:00:00Z,0"
    assert sheet.content.startswith(b"PK")
    async with as_role(app, "SUPER_ADMIN") as admin:
        log = await admin.get("/api/audit-log", params={"action": "notes.notes.exported"})
    assert len(log.json()["data"]) == 2


@pytest.mark.database("sqlite")
def test_mistakes_are_named_when_the_site_is_built(make_site, notes):
    screen, close = notes.SCREEN, notes.CLOSE

    class Mistaken(notes.NotesPlugin):
        @hookimpl
        def admin_register_screens(self):
            return [
                replace(screen, path="/notes"),
                replace(screen, path="/admin/a", sort="-state"),
                replace(screen, path="/admin/b", columns=[Column("nothing", Text("Nothing"))]),
                replace(screen, path="/admin/c", filters=[Search(Text("Search"), "text")]),
                replace(screen, path="/admin/d", actions=[replace(close, permission="")]),
                replace(screen, path="/admin/e", actions=[replace(close, run=lambda tx: None)]),
                replace(screen, path="/admin/f/{shelf}"),
                replace(screen, path="/admin/g", key="ids"),
                replace(screen, path="/admin/h", actions=[close, close]),
                screen,
            ]

    with pytest.raises(BootFailed) as failed:
        make_site(AdminPlugin, Mistaken)
    said = str(failed.value)
    for problem in (
        "'/notes') is not under /admin",
        "/admin/a has sort='-state', by which it cannot be sorted",
        "/admin/b has the column 'nothing', which NoteRow lacks",
        "/admin/c has the parameter 'text', which its query does not take",
        "/admin/d has the action 'close' without a permission",
        "/admin/e has the action 'close', whose run cannot be called so",
        "/admin/f/{shelf} has the parameter 'shelf'",
        "/admin/g cannot be sorted by 'ids'",
        "/admin/h has two actions called 'close'",
    ):
        assert problem in said, said


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.database("sqlite")
async def test_every_row_is_on_one_page_while_others_are_written(app, write, notes, seed):
    """Notes of the same minute too, and whatever is written between two pages, anywhere."""
    chance = random.Random(seed)  # noqa: S311  # for a test

    def write_some(tx, count):
        moments = [chance.choice(range(5)) for _ in range(count)]
        return [
            id
            for moment in moments
            for id in notes.write_notes(tx, 1, first=notes.FIRST + timedelta(minutes=moment))
        ]

    ids = await write(write_some, chance.randint(101, 180))
    sort = chance.choice(["written_at", "-written_at", "title"])
    seen, address = [], f"/admin/notes?sort={sort}"
    async with as_role(app, "NOTES_READER") as client:
        while address:
            page = await client.get(address)
            seen += re.findall(r'<a href="/admin/notes/([^".]+)">', page.text)
            address = link(page, "next")
            await write(write_some, 20)
            assert len(seen) < 2000, "the pages have an end"
    assert sorted(set(seen) & set(ids)) == sorted(ids)
    assert len(seen) == len(set(seen))
