"""The pages of the events example in Chromium: organisers publish, visitors sign up on phones."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from changemaker_core.features.accounts import api
from tests.accounts.gallery.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

EMAIL, PASSWORD = "ines@example.org", "wide river, slow boat"
EXAMPLE = Path(__file__).parents[2] / "examples" / "events"


@pytest.fixture
def open_phone(browser):
    """``open_phone(locale="fr-CA")``: a page of its own on a phone. All are closed before the site,
    which waits for the streams of live places."""
    with contextlib.ExitStack() as contexts:

        def open_(**options):
            context = browser.new_context(viewport={"width": 360, "height": 740}, **options)
            contexts.callback(context.close)
            return context.new_page()

        yield open_


@pytest.fixture
def address(make_config, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLE)
    from changemaker_admin.plugin import AdminPlugin
    from changemaker_events.plugin import EventsPlugin

    config = make_config(organisation="Prairie Transit Alliance", time_zone="America/Edmonton")
    with served(config, [AdminPlugin, EventsPlugin]) as (app, address):
        role = "EVENTS_ORGANISER"
        api.create_user(app.site, email=EMAIL, name="Inès", role=role, password=PASSWORD)
        yield address


def look(page, name):
    """Keep a picture where somebody wants to look at the pages; none may scroll sideways."""
    if folder := os.environ.get("CHANGEMAKER_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"


def publish(page, address):
    """Sign in, and publish an event with two places."""
    page.goto(f"{address}/admin/events/new")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#form-problems")).to_be_visible()
    look(page, "organise-errors")
    page.fill("#title", "Picnic for clean water")
    page.fill("#place", "Riverside park")
    page.fill("#starts_at", "2031-06-01T12:00")
    page.fill("#capacity", "2")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("link", name="Picnic for clean water")).to_be_visible()
    look(page, "organise")


def sign_up(page, url, name):
    page.goto(url)
    page.fill("#name", name)
    page.fill("#email", f"{name.lower()}@example.org")
    page.locator("form.card button").click()


def test_from_the_organisers_page_to_the_last_place(address, open_phone):
    organiser = open_phone(locale="en-CA")
    publish(organiser, address)
    link = organiser.get_by_role("link", name="Picnic for clean water", exact=True)
    url = address + link.get_attribute("href")
    watching = open_phone(locale="fr-CA")
    watching.goto(url)
    left = watching.locator("[data-left]")
    expect(left).to_have_text("2")
    look(watching, "event")

    visitor = open_phone(locale="fr-CA", java_script_enabled=False)
    visitor.goto(url)
    visitor.locator("form.card button").click()
    expect(visitor.locator("#form-problems")).to_be_visible()
    expect(visitor.locator("html")).to_have_attribute("lang", re.compile("^fr"))
    look_without_script(visitor, "event-errors")
    sign_up(visitor, url, "Chloé")
    expect(visitor.get_by_role("status")).to_contain_text("Merci")
    look_without_script(visitor, "event-signed-up")

    expect(left).to_have_text("1")  # by itself
    sign_up(open_phone(locale="fr-CA"), url, "Zoé")
    expect(left).to_have_text("0")
    late = open_phone(locale="fr-CA", java_script_enabled=False)
    late.goto(url)
    expect(late.locator("form.card")).to_have_count(0)
    expect(late.get_by_role("link", name="autres")).to_be_visible()
    look_without_script(late, "event-full")
    # Who had the page open is told that the last place went to another.
    watching.fill("#name", "Léa")
    watching.fill("#email", "lea@example.org")
    watching.locator("form.card button").click()
    expect(watching.locator("form.card")).to_have_count(0)
    look(watching, "event-too-late")
    organiser.reload()
    expect(organiser.get_by_role("link", name="2", exact=True)).to_be_visible()


def look_without_script(page, name):
    if folder := os.environ.get("CHANGEMAKER_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
