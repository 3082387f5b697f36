"""Sign-in and organisers' pages in Chromium: by axe, on a phone, by keyboard, under attack."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.sessions.models import UserSession
from tests.accounts.gallery.plugin import GalleryPlugin
from tests.accounts.gallery.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

AXE = Path(__file__).parents[1] / "web" / "vendor" / "axe" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EMAIL, PASSWORD = "sam@example.org", "wide river, slow boat"


@pytest.fixture
def site(make_config):
    """The address of a served site with the gallery, and its app."""
    config = make_config(organisation="Prairie Transit Alliance", time_zone="America/Edmonton")
    with served(config, [GalleryPlugin]) as (app, address):
        name = "Samantha Sample-Longname"
        api.create_user(app.site, email=EMAIL, name=name, role="CURATOR", password=PASSWORD)
        yield app, address


def sign_in(page, address, path="/sign-in"):
    page.goto(address + path)
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".account-menu")).to_be_visible()


def violations(page):
    """What axe objects to, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(f"() => axe.run(document, {json.dumps({'runOnly': RULES})})")
    return [
        f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]
    ]


def open_menu(page):
    page.locator(".account-menu summary").click()


def open_dialog(page):
    page.locator("[data-dialog]").click()
    expect(page.locator("dialog")).to_be_visible()


def send_empty(page):
    page.locator(".fields button").click()
    expect(page.locator("#form-problems")).to_be_visible()


#: What is pressed.
PRESSED = "main button, main .button, .admin-menu a, .menu-button, summary, .tabs a, .choice"
#: Pages and states that everybody who is signed in can come to.
STATES = {
    "profile": ("/account", lambda page: None),
    "email": ("/account/email", lambda page: None),
    "sessions": ("/account/sessions", lambda page: None),
    "menu": ("/account/sessions", open_menu),
    "dialog": ("/account/sessions", open_dialog),
    "confirmation": ("/account/sessions/end-others", lambda page: None),
    "password": ("/account/password", lambda page: None),
    "keys": ("/account/api-keys", lambda page: None),
    "two factors": ("/account/two-factor", lambda page: None),
    "list": ("/gallery?offset=4&limit=4", lambda page: None),
    "form": ("/gallery/new", lambda page: None),
    "errors": ("/gallery/new", send_empty),
}


@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "en", 1280), ("dark", "fr", 320)]
)
def test_every_state_is_accessible_and_fits(open_page, site, scheme, locale, width):
    _, address = site
    # axe is injected as a script, which the pages' own policy rightly refuses.
    how = {"color_scheme": scheme, "locale": locale, "bypass_csp": True}
    page = open_page(viewport={"width": width, "height": 800}, **how)
    page.goto(f"{address}/sign-in")
    found = {"sign-in": violations(page)}
    page.fill("#email", "nobody")
    page.evaluate("document.querySelector('form').noValidate = true")
    page.locator("main button").click()
    expect(page.locator("#form-problems")).to_be_visible()
    found["sign-in with errors"] = violations(page)
    sign_in(page, address)
    other = open_page()
    sign_in(other, address)
    for name, (path, prepare) in STATES.items():
        page.goto(address + path)
        prepare(page)
        found[name] = violations(page)
        too_wide = page.evaluate("document.documentElement.scrollWidth") - width
        if too_wide > 0:
            found[name].append(f"{too_wide} pixels too wide")
        least = 44 if width < 960 else 36  # with a mouse, on a wide screen
        for target in page.locator(PRESSED).all():
            box = target.bounding_box()
            if box is not None and box["height"] < least:
                found[name].append(f"{box['height']} pixels high: {target.inner_text()}")
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("javascript", [True, False])
def test_a_person_signs_in_works_and_signs_out(open_page, site, javascript):
    _, address = site
    page = open_page(javascript=javascript)
    sign_in(page, address, "/gallery/new")
    expect(page).to_have_url(f"{address}/gallery/new")  # where they wanted to be
    page.fill("#title", "Night buses")
    page.fill("#email", "sam@example.org")
    page.fill("#places", "30")
    page.fill("#day", "2026-07-01")
    page.fill("#doors", "18:00")
    page.fill("#starts_at", "2026-07-01T18:30")
    page.select_option("#level", "local")
    page.check("label:has-text('Rally') input")
    page.locator(".fields button").click()
    problems = page.locator("#form-problems li")
    expect(problems).to_have_text(["Topics: Choose at least 1."])
    expect(page.locator("#starts_at")).to_have_value("2026-07-01T18:30")
    expect(page.locator("label:has-text('Rally') input")).to_be_checked()
    problems.locator("a").click()
    assert page.url.endswith("#topics")
    page.check("label:has-text('Bikes') input")
    page.locator(".fields button").click()
    expect(page).to_have_url(f"{address}/gallery")
    expect(page.get_by_role("status")).to_have_text("“Night buses” is saved.")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You have signed out.")
    page.goto(f"{address}/gallery")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))


@pytest.mark.parametrize("javascript", [True, False])
def test_signing_out_other_devices_asks_first(open_page, site, javascript):
    app, address = site
    page, other = open_page(javascript=javascript), open_page()
    sign_in(page, address)
    sign_in(other, address)
    page.goto(f"{address}/account/sessions")
    opener = page.locator("[data-dialog]")
    opener.focus()
    page.keyboard.press("Enter")
    if javascript:
        expect(page.get_by_role("dialog", name="Sign out all other devices?")).to_be_visible()
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        page.keyboard.press("Space")
        page.locator("dialog [data-dialog-close]").click()
        expect(page.locator("dialog")).to_be_hidden()
        opener.click()
        page.locator("dialog button").click()
    else:
        expect(page).to_have_url(f"{address}/account/sessions/end-others")
        page.get_by_role("button", name="Sign out all other devices").click()
    expect(page.get_by_role("status")).to_have_text("All other devices are signed out.")
    assert app.site.db.sync.read(lambda: UserSession.select().count()) == 1


def test_the_keyboard_is_enough(open_page, site):
    _, address = site
    page = open_page()
    page.goto(f"{address}/sign-in")
    tab = functools.partial(page.keyboard.press, "Tab")
    tab()
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab()
    page.keyboard.type(EMAIL)
    tab()
    page.keyboard.type(PASSWORD)
    tab()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/gallery")
    account = page.locator(".account-menu summary")
    for _ in range(8):  # past the link to the content, the site's name and the menu
        tab()
        if account.evaluate("summary => summary === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".account-menu-panel")).to_be_visible()
    tab()
    expect(page.get_by_role("link", name="Your account")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Sessions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()


def test_the_menu_of_a_phone_needs_no_script(open_page, site):
    _, address = site
    page = open_page(javascript=False, viewport={"width": 360, "height": 800})
    sign_in(page, address)
    page.goto(f"{address}/account")
    entry = page.get_by_role("link", name="Events")
    expect(entry).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    entry.click()
    expect(page).to_have_url(f"{address}/gallery")


ATTACK = """<!doctype html><title>Win a prize</title>
<form method="post" action="{target}" enctype="{enctype}">{fields}</form>
<script>document.forms[0].submit()</script>"""


@pytest.mark.parametrize(
    ("origin", "cookie_is_sent"),
    [("http://elsewhere.example", False), ("http://127.0.0.1:9", True)],
)
@pytest.mark.parametrize("enctype", ["application/x-www-form-urlencoded", "text/plain"])
def test_another_site_cannot_send_forms_in_a_persons_name(
    open_page, site, origin, cookie_is_sent, enctype
):
    """Another port of the same host is the same site for cookies, and another origin."""
    app, address = site
    page, other = open_page(), open_page()
    sign_in(page, address)
    sign_in(other, address)
    target = f"{address}/account/sessions/end-others"
    html = ATTACK.format(target=target, enctype=enctype, fields='<input name="x" value="1">')
    page.context.route(
        f"{origin}/**", lambda route: route.fulfill(body=html, content_type="text/html")
    )
    with page.expect_request(target) as sent, page.expect_response(target) as response:
        page.goto(f"{origin}/prize")
    cookies = sent.value.all_headers().get("cookie", "")
    assert ("cm_session" in cookies) == cookie_is_sent
    assert response.value.status == 403
    assert app.site.db.sync.read(lambda: UserSession.select().count()) == 2


def test_another_site_cannot_sign_a_person_in(open_page, site):
    """Signed in as the attacker, a person would enter their work into the attacker's account."""
    _, address = site
    page = open_page()
    fields = f'<input name="email" value="{EMAIL}"><input name="password" value="{PASSWORD}">'
    target = f"{address}/sign-in"
    html = ATTACK.format(target=target, enctype="application/x-www-form-urlencoded", fields=fields)
    page.context.route(
        "http://elsewhere.example/**",
        lambda route: route.fulfill(body=html, content_type="text/html"),
    )
    with page.expect_response(target) as response:
        page.goto("http://elsewhere.example/prize")
    assert response.value.status == 403
    assert page.context.cookies(address) == []


def test_scripts_of_the_page_itself_may_use_the_session(open_page, site):
    _, address = site
    page = open_page()
    sign_in(page, address)
    status = page.evaluate(
        """() => fetch("/api/auth/logout", {
          method: "POST",
          headers: {"Content-Type": "application/json"},
          body: JSON.stringify({refresh_token: "x"}),
        }).then((response) => response.status)"""
    )
    assert status == 204


def test_no_script_can_read_the_cookie(open_page, site):
    _, address = site
    page = open_page()
    sign_in(page, address)
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies(address)
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("cm_session", True, "Lax")
