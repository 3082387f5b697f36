"""The preview of a campaign, and the test of its letter."""

from __future__ import annotations

import asyncio
import email
from email import policy

import pytest

from changemaker_core.testing import as_role
from changemaker_influence.emails.models import CampaignEmail

pytestmark = pytest.mark.database("sqlite")


def page_of(campaign, name=""):
    return f"/admin/campaigns/{campaign['id']}{name}"


#: What each kind of supporter sees, and what they do not.
VIEWS = {
    "start": ("Find my representatives", "Avery Tremblay"),
    "found": ("Avery Tremblay", "Riley Chen"),
    "unknown": ("Check the code and try again.", "Avery Tremblay"),
    "paused": ("This campaign is paused", "Find my representatives"),
    "ended": ("This campaign has ended", "Find my representatives"),
}


async def test_a_draft_is_seen_as_each_supporter_will(organise):
    async with organise() as (v, client):
        draft = await v.campaign("DRAFT", ends_at="2020-01-01T00:00:00Z")
        for view, (seen, unseen) in VIEWS.items():
            page = await client.get(page_of(draft, "/preview"), params={"view": view})
            assert f"/preview/page?view={view}" in page.text
            framed = await client.get(page_of(draft, "/preview/page"), params={"view": view})
            assert framed.status_code == 200
            assert (seen in framed.text, unseen in framed.text) == (True, False), view
            # Nothing in it can be sent, and no other site can frame it.
            directives = framed.headers["Content-Security-Policy"].split(";")
            assert {"sandbox", "frame-ancestors 'self'"} <= {each.strip() for each in directives}
            assert "public" not in framed.headers.get("Cache-Control", "")


async def test_a_preview_is_not_public(organise):
    async with organise() as (v, _):
        draft = await v.campaign("DRAFT")
        for name in ("/preview", "/preview/page"):
            assert (await v.client.get(page_of(draft, name))).status_code == 303
        assert (await v.client.get(f"/campaigns/{draft['slug']}")).status_code == 404
        async with as_role(v.app, "USER") as user:
            assert (await user.get(page_of(draft, "/preview/page"))).status_code in (403, 404)


async def mails(v):
    folder = v.site.folder("mail")
    paths = await asyncio.to_thread(lambda: sorted(folder.rglob("*.eml")))
    return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


async def test_a_test_letter_reaches_the_organiser_and_counts_nowhere(organise):
    async with organise() as (v, client):
        campaign = await v.campaign("DRAFT")
        sent = await client.submit(page_of(campaign, "/test"), page=page_of(campaign, "/preview"))
        assert sent.status_code == 303
        assert "The test is on its way to" in (await client.get(sent.headers["Location"])).text
        await v.run_jobs()
        (letter,) = await mails(v)
        assert letter["Subject"] == f"[Test] {campaign['email_subject']}"
        assert letter["To"].addresses[0].domain == "example.org"
        assert letter["Auto-Submitted"] == "auto-generated"
        text = letter.get_body(("plain",)).get_content()
        assert "Dear Name of a representative" in text
        assert f"This is a test of “{campaign['title']}”" in text
        assert await v.site.db.read(lambda: CampaignEmail.select().count()) == 0
        published = await v.change(campaign["id"], status="ACTIVE")
        public = await v.client.get(f"/api/public/campaigns/{published['slug']}")
        assert public.json()["email_count"] == 0


async def test_a_letter_that_is_not_written_is_not_tested_and_tests_are_limited(organise):
    async with organise() as (v, client):
        campaign = await v.campaign("DRAFT")
        path = f"/api/campaigns/{campaign['id']}/test-email"
        statuses = [(await v.organise("POST", path)).status_code for _ in range(21)]
        assert statuses == [*[202] * 20, 429]
        await client.submit(page_of(campaign), {"email_body": ""})
        refused = await client.submit(
            page_of(campaign, "/test"), page=page_of(campaign, "/preview")
        )
        assert refused.status_code == 409
        assert "Write a subject and a letter first." in refused.text
