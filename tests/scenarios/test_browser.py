"""A supporter writes to their representative, in a browser, to a real SMTP server."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from changemaker_core import Config
from changemaker_core.features.operations.mailbox_link import mailbox_link

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]


def emails_sent(address):
    """``cm_emails_sent_total`` as Prometheus would read it."""
    text = httpx.get(f"{address}/api/metrics").text
    return float(re.search(r"^cm_emails_sent_total (\S+)$", text, re.MULTILINE).group(1))


def write_to_representative(page, address, campaign, *, name="Sacha Supporter"):
    """From the list of campaigns to the page that says what became of the message."""
    page.goto(f"{address}/campaigns")
    page.get_by_role("link", name=campaign["title"]).first.click()
    page.get_by_label("Postal code").fill("l5g 4l3")
    page.get_by_role("button", name=re.compile("Find|Look")).click()
    expect(page.get_by_text("Avery Tremblay-Sample").first).to_be_visible()
    expect(page.get_by_text("Riley Sample").first).to_be_visible()
    for box in page.get_by_role("checkbox", name=re.compile("Sample")).all():
        box.uncheck()
    page.get_by_role("checkbox", name=re.compile("Avery Tremblay-Sample")).check()
    expect(page.get_by_text("please act on clean water").first).to_be_visible()
    page.get_by_label("Your name").fill(name)
    page.get_by_label(re.compile("Your e-?mail")).fill("sacha@example.org")
    page.get_by_role("checkbox", name=re.compile("agree")).check()
    page.get_by_role("button", name=re.compile("^Send")).click()
    page.wait_for_url("**/emails/*")


@pytest.fixture
def mailing(operated, smtp_server):
    """The site with a real SMTP server instead of the folder."""
    return with_mail(operated, smtp_server)


def with_mail(site, smtp_server):
    """``site``, sending its mail to this server."""
    site.environment["CHANGEMAKER_SMTP_URL"] = smtp_server.url
    site.environment["CHANGEMAKER_MAIL_FROM"] = "campaigns@site.example"
    return site


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_supporter_writes_to_their_representative(
    mailing, organiser_at, smtp_server, open_page, javascript
):
    with mailing.serve("--workers", "2") as address:
        follow_a_message(address, mailing, organiser_at, open_page, javascript)
    (received,) = smtp_server.received
    check_message(received)


@pytest.mark.postgresql
@pytest.mark.valkey
def test_two_web_processes_and_two_workers_do_the_same(
    operate, postgresql_url, valkey, organiser_at, smtp_server, open_page
):
    site = with_mail(operate(postgresql_url), smtp_server)
    site.environment["CHANGEMAKER_REDIS_URL"] = valkey.url
    worker = site.running("worker")
    with worker, site.running("worker"), site.serve("--workers", "2") as address:
        follow_a_message(address, site, organiser_at, open_page, javascript=True)
    (received,) = smtp_server.received
    check_message(received)


def follow_a_message(address, site, organiser_at, open_page, javascript):
    """Write one, and wait on its page until it says that it was sent."""
    campaign = organiser_at(address, site).campaign()
    before = emails_sent(address)
    page = open_page(javascript=javascript)
    write_to_representative(page, address, campaign)
    told = page.get_by_text(re.compile("on its way|was sent", re.IGNORECASE)).first
    expect(told).to_be_visible()
    sent = page.get_by_text(re.compile("was sent", re.IGNORECASE)).first
    expect(sent).to_be_visible(timeout=60_000)
    assert emails_sent(address) == before + 1


def check_message(received):
    """Headers and parts of the message that the representative gets."""
    message = received.email
    assert received.sender == "campaigns@site.example"
    assert received.recipients == ("avery.tremblay@parl.example.ca",)
    assert message["From"].addresses[0].addr_spec == "campaigns@site.example"
    assert message["Reply-To"].addresses[0].addr_spec == "sacha@example.org"
    assert message["To"].addresses[0].addr_spec == "avery.tremblay@parl.example.ca"
    assert message["Subject"] == "Clean water"
    assert message["Date"].datetime is not None
    assert message["Message-ID"]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for part in message.iter_parts():
        assert "please act on clean water" in part.get_content()
        assert "Sacha Supporter" in part.get_content()


def test_the_demonstration_keeps_mail_in_its_mailbox(tmp_path, open_page):
    from changemaker_core.testing.server import OperatedSite

    site = OperatedSite(tmp_path)
    with site.start("demo", "--port", "0", "--folder", str(tmp_path / "demo")) as (_, address):
        before = emails_sent(address)
        listed = httpx.get(f"{address}/api/public/campaigns").json()["data"]
        assert len(listed) == 3
        assert {campaign["language"] for campaign in listed} == {"en", "fr"}
        page = open_page(javascript=True)
        page.goto(f"{address}/campaigns")
        english = next(campaign for campaign in listed if campaign["language"] == "en")
        page.get_by_role("link", name=english["title"]).first.click()
        page.get_by_label("Postal code").fill("l5g 4l3")
        page.get_by_role("button", name=re.compile("Find|Look")).click()
        page.get_by_label("Your name").fill("Sacha Supporter")
        page.get_by_label(re.compile("Your e-?mail")).fill("sacha@example.org")
        page.get_by_role("checkbox", name=re.compile("agree")).check()
        page.get_by_role("button", name=re.compile("^Send")).click()
        expect(page.get_by_text(re.compile("was sent", re.IGNORECASE)).first).to_be_visible(
            timeout=60_000
        )
        assert emails_sent(address) == before + 1
        config = Config.load(tmp_path / "demo")
        page.goto(str(mailbox_link(config, address)))
        expect(page).to_have_url(f"{address}/mailbox")
        page.get_by_role("link", name=re.compile(re.escape(english["email_subject"]))).first.click()
        expect(page.get_by_text("Sacha Supporter").first).to_be_visible()
