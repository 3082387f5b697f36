"""From an empty folder to a live campaign and its letters in a file, as an organiser would do it.

Everything is done by what the terminal and the pages show: addresses, labels and buttons.
"""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import expect

from changemaker_core.testing.ports import free_port
from changemaker_core.testing.server import OperatedSite
from tests.bench.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

LETTER = "Dear {recipient_name},\n\nplease keep the night buses.\n\n{sender_name}"


def found(pattern, text):
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in {text}"
    return match[1]


@pytest.fixture
def site(tmp_path):
    """The page to sign in, the administrator's address and password, of a site that is served."""
    port = free_port()
    operated = OperatedSite(tmp_path / "my-site")
    address = ("--base-url", f"http://127.0.0.1:{port}")
    printed = operated.run("init", str(operated.folder), "--yes", *address).stdout
    with operated.start("serve", "--port", str(port)):
        yield (
            found(r"(http://\S+/sign-in)", printed),
            found(r"Administrator: (\S+)", printed),
            found(r"Password \(shown only once\): (\S+)", printed),
        )


def press(page, name):
    page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()


def follow(page, name):
    page.get_by_role("link", name=name, exact=True).first.click()


def test_from_an_empty_folder_to_a_live_campaign(site, open_page):
    address, email, password = site
    page = open_page()
    page.goto(address)
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()

    follow(page, "Write your first campaign")
    page.get_by_label("Title").fill("Keep the night buses")
    press(page, "Save draft and go on")
    page.get_by_label("Subject").fill("The night buses")
    page.get_by_label("Letter", exact=True).fill(LETTER)
    press(page, "Save changes")

    follow(page, "Recipients")
    page.get_by_label("Name", exact=True).fill("Mx Rowan Hill")
    page.get_by_label(re.compile("^Email")).fill("rowan.hill@council.example")
    press(page, "Add person")
    page.get_by_label("Offer these people").check()
    press(page, "Save choice")

    follow(page, "Publish…")
    press(page, "Publish campaign")
    expect(page.get_by_text("Live").first).to_be_visible()

    supporter = open_page()
    path = page.get_by_role("link", name="See its page").get_attribute("href")
    supporter.goto(address.removesuffix("/sign-in") + path)
    write_as_supporter(supporter)

    follow(page, "Letters")
    wait_until(lambda: "Sent" in reloaded(page))
    with page.expect_download() as download:
        follow(page, "CSV")
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "rowan.hill@council.example" in row.values()


def reloaded(page):
    page.reload()
    return page.get_by_role("table").inner_text()


def write_as_supporter(page):
    expect(page.get_by_role("heading", name="Keep the night buses")).to_be_visible()
    page.get_by_label("Mx Rowan Hill").check()
    page.get_by_label("Your name").fill("Léa Roy")
    page.get_by_label("Your email address").fill("lea@example.org")
    page.get_by_role("checkbox", name=re.compile("agree|consent", re.I)).check()
    page.get_by_role("button", name="Send my message").click()
    expect(page.get_by_text("Mx Rowan Hill").first).to_be_visible()
