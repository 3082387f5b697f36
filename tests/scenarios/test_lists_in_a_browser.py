"""A list of organisers in Chromium: rows are ticked with the keyboard, and progress is live."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from changemaker_core.features.accounts import api
from changemaker_core.testing import run_jobs
from tests.accounts.gallery.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

EMAIL, PASSWORD = "ines@example.org", "wide river, slow boat"
EXAMPLE = Path(__file__).parents[2] / "examples" / "notes"


@pytest.fixture
def site(make_config, monkeypatch):
    """A site with 60 notes, and its address."""
    monkeypatch.syspath_prepend(EXAMPLE)
    from changemaker_admin.plugin import AdminPlugin
    from changemaker_notes.models import Note
    from changemaker_notes.plugin import NotesPlugin

    def write(tx):
        for n in range(60):
            Note.create(text=f"Call number {n}", written_at=tx.now + timedelta(minutes=n))

    with served(make_config(), [AdminPlugin, NotesPlugin]) as (app, address):
        role = "NOTES_KEEPER"
        api.create_user(app.site, email=EMAIL, name="Inès", role=role, password=PASSWORD)
        app.site.db.sync.write(write)
        yield app.site, address


def test_rows_are_ticked_off_and_put_back_with_the_keyboard(site, page):
    site, address = site
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/admin/notes")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Done")).to_be_disabled()
    page.get_by_role("checkbox", name="Call number 59").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Done").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 entries are selected.")).to_be_visible()
    page.get_by_role("button", name="Done: 2 entries").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("progressbar")).to_be_visible()
    working = threading.Thread(target=lambda: asyncio.run(run_jobs(site)))
    working.start()
    undo = page.get_by_role("button", name="Undo 2 entries")
    expect(undo).to_be_visible(timeout=20_000)  # by itself
    working.join()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_text("58 entries", exact=True)).to_be_visible()
    page.get_by_role("checkbox", name="Select all 58 entries").check()
    expect(page.get_by_role("checkbox", name="Call number 57")).to_be_disabled()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Done: 58 entries")).to_be_visible()
    assert errors == []
