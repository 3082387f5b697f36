"""Notes, on each database that is available."""

from __future__ import annotations

import ast
import inspect

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.testing import as_role, check_migrations, run_jobs, source_problems
from changemaker_notes import screens
from changemaker_notes.models import Note
from changemaker_notes.plugin import NotesPlugin

DONE = "/admin/notes/actions/done"


@pytest.fixture
async def app(open_app):
    async with open_app(AdminPlugin, NotesPlugin) as opened:
        yield opened


def test_its_pages_are_ten_lines():
    source = inspect.getsource(screens)
    rest = [
        each
        for each in ast.parse(source).body
        if not isinstance(each, ast.Import | ast.ImportFrom | ast.Expr)
    ]
    assert sum((each.end_lineno or 0) - each.lineno + 1 for each in rest) <= 10


def test_migrations_templates_and_catalogues_are_sound(make_site):
    site = make_site(AdminPlugin, NotesPlugin)
    check_migrations(site)
    assert source_problems(site) == []


async def test_notes_are_ticked_off_and_put_back(app):
    def write(tx):
        for text in ("Print the posters", "Call the park"):
            Note.create(text=text, written_at=tx.now)

    await app.site.db.write(write)
    async with as_role(app, "NOTES_KEEPER") as keeper:
        assert "Notes" in (await keeper.get("/admin")).text
        listed = await keeper.get("/admin/notes")
        assert "Print the posters" in listed.text and "2 entries" in listed.text
        (id,) = await app.site.db.read(
            lambda: [each.id for each in Note.select().where(Note.text == "Call the park")]
        )
        begun = await keeper.submit(DONE, page=f"{DONE}?selected={id}")
        await run_jobs(app.site)
        assert "Call the park" not in (await keeper.get("/admin/notes")).text
        run = begun.headers["location"]
        await keeper.submit(f"{run}/undo", page=run)
        await run_jobs(app.site)
        assert "Call the park" in (await keeper.get("/admin/notes")).text
