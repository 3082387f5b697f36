"""The whole way in Chromium: from an invitation to a session, and back in without the password."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from changemaker_core import SYSTEM
from changemaker_core.features.accounts import api
from changemaker_core.jobs import Executor
from tests.accounts.gallery.plugin import GalleryPlugin
from tests.accounts.gallery.serving import served
from tests.accounts.test_in_a_browser import violations

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

EMAIL = "ada@example.org"
#: Not among the unwanted: too few letters, and the same words in all languages.
SHORT, FIRST, SECOND = "short", "wide river, slow boat", "green hills, far away"


@pytest.fixture
def site(make_config):
    """The address of a served site, and its app."""
    tables = {"accounts": {"registration": "open"}}
    config = make_config(organisation="Prairie Transit Alliance", plugin_tables=tables)
    with served(config, [GalleryPlugin]) as (app, address):
        yield app, address


def link(app, path):
    """The path of the link in the last mail; its jobs are run first."""
    while Executor(app.site).run_due():
        pass
    (newest, *_) = app.site.mail.messages()
    text = app.site.mail.read(newest.id).get_body(("plain",)).get_content()
    return re.search(rf"http://[^/]+({path}/\S+)", text)[1]


@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "en", 1280), ("dark", "fr", 360)]
)
def test_from_an_invitation_to_a_session_and_back(open_page, site, scheme, locale, width):
    app, address = site
    app.site.db.sync.write(
        lambda tx: api.invite(
            tx, app.site, email=EMAIL, name="Ada", role="CURATOR", locale=locale, by=SYSTEM
        )
    )
    # axe is injected as a script, which the pages' own policy rightly refuses.
    how = {"color_scheme": scheme, "locale": locale, "bypass_csp": True}
    page = open_page(viewport={"width": width, "height": 800}, **how)
    found = {}

    def look(name):
        found[name] = violations(page)
        too_wide = page.evaluate("document.documentElement.scrollWidth") - width
        if too_wide > 0:
            found[name].append(f"{too_wide} pixels too wide")

    def press(**fields):
        for name, text in fields.items():
            page.fill(f"#{name}", text)
        page.locator("main form button").press("Enter")

    def visit(name, path):
        page.goto(address + path)
        look(name)

    invitation = link(app, "/join")
    visit("invitation", invitation)
    expect(page.locator("#name")).to_have_value("Ada")
    press(password=SHORT)
    expect(page.locator("#form-problems")).to_be_visible()
    look("invitation with errors")
    press(password=FIRST)
    expect(page.locator(".account-menu")).to_be_visible()
    visit("email", "/account/email")
    press(email="ada.new@example.org")
    expect(page.get_by_role("status")).to_be_visible()
    confirmation = link(app, "/verify-email")
    page.context.clear_cookies()
    visit("used invitation", invitation)
    visit("new email", confirmation)
    press()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    look("email confirmed")

    visit("register", "/register")
    visit("forgotten", "/forgot-password")
    press(email="ada.new@example.org")
    expect(page.get_by_role("status")).to_be_visible()
    look("mail sent")
    visit("reset", link(app, "/reset-password"))
    press(password=SECOND)
    expect(page).to_have_url(re.compile(r"/sign-in\?password_changed"))
    look("sign-in")
    press(email="ada.new@example.org", password=SECOND)
    expect(page.locator(".account-menu")).to_be_visible()

    page.context.clear_cookies()
    visit("link to sign in", "/sign-in-link")
    press(email="ada.new@example.org")
    expect(page.get_by_role("status")).to_be_visible()
    visit("button to sign in", link(app, "/sign-in-link"))
    press()
    expect(page.locator(".account-menu")).to_be_visible()
    assert {name: problems for name, problems in found.items() if problems} == {}
