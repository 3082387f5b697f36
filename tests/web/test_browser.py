"""The pages as people meet them: in Chromium, judged by axe, on a phone, with the keyboard."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from types import SimpleNamespace

    from playwright.sync_api import Page, Route

    from changemaker_core.testing.fixtures.browser import OpenPage

AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
ORIGIN = "http://site.test"
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'"
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Pages = dict[str, tuple[str, dict[str, Any]]]


def serve(page: Page, site: SimpleNamespace, pages: Pages, locale: str = "en") -> list[str]:
    """Answer the browser from the templates, with no socket; returns the addresses it asked for."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        path, _, query = route.request.url.removeprefix(ORIGIN).partition("?")
        static = site.static.find(re.sub(r"^/static/~\w+/", "", path))
        if static:
            route.fulfill(
                status=200, headers={"content-type": static.content_type}, body=static.body
            )
        elif path[1:] in pages:
            template, context = pages[path[1:]]
            html = site.templates.render(template, context, locale=locale, query=query)
            headers = {"content-security-policy": CSP, "content-type": "text/html; charset=utf-8"}
            route.fulfill(status=200, headers=headers, body=html)
        else:
            route.fulfill(status=404, body="")

    page.context.route("**/*", answer)
    return asked


def violations(page: Page) -> list[str]:
    """What axe objects to, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = json.dumps({"runOnly": RULES})
    found: dict[str, Any] = page.evaluate(f"() => axe.run(document, {options})")
    return [
        f"{each['id']}: {node['html']} {node.get('failureSummary', '')}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def test_the_vendored_axe_is_the_one_its_readme_names() -> None:
    digest = base64.b64encode(hashlib.sha384(AXE.read_bytes()).digest()).decode()
    assert f"`sha384-{digest}`" in (AXE.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "en", 1280), ("dark", "fr", 360)]
)
def test_every_page_is_accessible(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages, scheme: str, locale: str, width: int
) -> None:
    # axe is injected as a script, which the pages' own policy rightly refuses.
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    serve(page, site, pages, locale)
    found = {}
    for name in pages:
        page.goto(f"{ORIGIN}/{name}")
        found[name] = violations(page)
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.browser
def test_axe_finds_what_is_wrong(open_page: OpenPage) -> None:
    page = open_page()
    page.set_content("<html><body><img src=x><input></body></html>")
    assert {line.partition(":")[0] for line in violations(page)} >= {"image-alt", "label"}


@pytest.mark.browser
def test_nothing_is_wider_than_a_small_phone(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages
) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    serve(page, site, pages, "fr")
    widths = {}
    for name in pages:
        page.goto(f"{ORIGIN}/{name}")
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in widths.items() if width > 320} == {}


@pytest.mark.browser
def test_what_is_pressed_is_large_enough(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages
) -> None:
    """Links and controls that stand alone are 44 px high; a checkbox is pressed by its label."""
    page = open_page(viewport={"width": 360, "height": 800})
    serve(page, site, pages)
    small = []
    for name in ("campaign-chosen", "campaign-errors", "list", "status-sent"):
        page.goto(f"{ORIGIN}/{name}")
        for target in page.locator(
            "button, .button, .contact, .languages a, .brand, .back a, .choice,"
            " input:not([type=checkbox]):not([type=hidden]):not(.honeypot input), textarea"
        ).all():
            box = target.bounding_box()
            if box is not None and box["height"] < 44:
                small.append((name, target.inner_text(), box["height"]))
    assert small == []


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
def test_pages_ask_nobody_else_for_anything(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages, javascript: bool
) -> None:
    page = open_page(javascript=javascript)
    asked = serve(page, site, pages)
    for name in pages:
        page.goto(f"{ORIGIN}/{name}")
    assert asked
    assert [url for url in asked if not url.startswith(f"{ORIGIN}/")] == []


@pytest.mark.browser
def test_paper_is_white_and_has_no_buttons(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages
) -> None:
    page = open_page(color_scheme="dark")
    serve(page, site, pages)
    page.goto(f"{ORIGIN}/campaign-chosen")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) != "rgb(255, 255, 255)"
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert not page.get_by_role("button", name="Send my message").is_visible()


@pytest.mark.browser
def test_the_first_tab_skips_to_the_content(
    page: Page, site: SimpleNamespace, pages: Pages
) -> None:
    serve(page, site, pages)
    page.goto(f"{ORIGIN}/campaign")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.get_attribute("href") == "#main"
    box = skip.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.browser
def test_a_problem_leads_to_its_field(page: Page, site: SimpleNamespace, pages: Pages) -> None:
    serve(page, site, pages)
    page.goto(f"{ORIGIN}/campaign-errors")
    assert page.title().startswith("Error:")
    assert page.evaluate("document.activeElement.id") == "form-problems"
    page.get_by_role("link", name="Enter an email address").click()
    assert page.evaluate("document.activeElement.id") == "sender_email"
    assert page.get_by_label("Your name").input_value() == "Sam <b>Rider</b>"
    assert page.get_by_label("Jordan Okafor-Sample").is_checked()
    assert not page.get_by_label("Avery Tremblay-Sample").is_checked()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["campaign-errors", "campaign-bad-code"])
def test_problems_are_seen_at_once_on_a_phone_without_javascript(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages, name: str
) -> None:
    page = open_page(javascript=False, viewport={"width": 360, "height": 640})
    serve(page, site, pages)
    # The form of the postal code leads here; the other one's answer has no fragment.
    page.goto(f"{ORIGIN}/{name}" + ("#representatives" if name == "campaign-bad-code" else ""))
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)


@pytest.mark.browser
def test_the_status_page_follows_without_reloading(
    page: Page, site: SimpleNamespace, pages: Pages
) -> None:
    serve(page, site, pages)
    statuses = iter(["QUEUED", "SENDING"])

    def tell(route: Route) -> None:
        # A status that the page does not show yet makes it look at itself again.
        status = next(statuses, "SENT")
        if status == "SENT":
            pages["status-on-its-way"] = pages["status-sent"]
        route.fulfill(json={"id": "id-0", "status": status, "sent_at": None})

    page.context.route(f"{ORIGIN}/api/public/emails/*", tell)
    page.goto(f"{ORIGIN}/status-on-its-way")
    page.evaluate("window.stayed = true")
    page.get_by_role("heading", name="Thank you. Your message was sent.").wait_for()
    assert page.evaluate("window.stayed") is True
    assert page.title().startswith("Sent")


@pytest.mark.browser
def test_the_status_page_reloads_itself_without_javascript(
    open_page: OpenPage, site: SimpleNamespace, pages: Pages
) -> None:
    page = open_page(javascript=False)
    serve(page, site, pages)
    page.goto(f"{ORIGIN}/status-on-its-way")
    pages["status-on-its-way"] = pages["status-sent"]
    page.get_by_role("heading", name="Thank you. Your message was sent.").wait_for()
