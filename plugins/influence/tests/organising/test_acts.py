"""Publishing, pausing, archiving, duplicating: a page says what will happen before it does."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.database("sqlite")


def page_of(campaign, name=""):
    return f"/admin/campaigns/{campaign['id']}{name}"


async def status_of(v, campaign):
    return (await v.organise("GET", f"/api/campaigns/{campaign['id']}")).json()["status"]


async def test_a_campaign_goes_through_its_states(organise):
    async with organise() as (v, client):
        campaign = await v.campaign("DRAFT")
        for name, status in (
            ("/publish", "ACTIVE"),
            ("/pause", "PAUSED"),
            ("/publish", "ACTIVE"),
            ("/archive", "ARCHIVED"),
            ("/restore", "PAUSED"),
        ):
            asked = await client.get(page_of(campaign, name))
            assert asked.status_code == 200
            done = await client.submit(page_of(campaign, name))
            assert (done.status_code, done.headers["Location"]) == (303, page_of(campaign))
            assert await status_of(v, campaign) == status
        # What cannot follow is not asked.
        assert (await client.get(page_of(campaign, "/restore"))).status_code == 303


#: What keeps a draft from being published, and what the page says about it.
MISSING = [
    ({"email_subject": ""}, "It is not written yet."),
    ({"email_body": ""}, "It is not written yet."),
    ({"target_government_levels": []}, "Choose representatives"),
    (
        {"target_government_levels": [], "allow_custom_recipients": "on"},
        "Name the people who receive it",
    ),
    ({"ends_at": "2020-01-01T00:00"}, "The end has passed."),
    ({"allow_smtp_email": "", "allow_mailto_link": ""}, "Allow sending from this site"),
]


async def test_what_is_missing_is_said_and_keeps_it_from_being_published(organise):
    async with organise() as (v, client):
        for changes, said in MISSING:
            campaign = await v.campaign("DRAFT")
            assert (await client.submit(page_of(campaign), changes)).status_code == 303
            page = await client.get(page_of(campaign, "/publish"))
            assert said in page.text
            assert "Publish campaign</button>" not in page.text
            refused = await client.submit(page_of(campaign, "/publish"))
            assert refused.status_code == 422
            assert await status_of(v, campaign) == "DRAFT"


async def test_what_was_changed_meanwhile_is_looked_at_again(organise):
    async with organise() as (v, client):
        campaign = await v.campaign("DRAFT")
        old = {"version": "1"}
        await v.change(campaign["id"], title="Changed")
        refused = await client.submit(page_of(campaign, "/publish"), old)
        assert refused.status_code == 409
        assert "It was changed after you opened this page." in refused.text
        assert await status_of(v, campaign) == "DRAFT"


async def test_a_copy_is_made_with_what_was_ticked(organise):
    async with organise() as (v, client):
        campaign = await v.campaign(description="Why", cover_photo="/images/a.jpg")
        copy = {"title": "Next year", "texts": "", "photo": "on"}
        made = await client.submit(page_of(campaign, "/duplicate"), copy)
        assert made.status_code == 303
        page = await client.get(made.headers["Location"])
        assert "This is the copy" in page.text
        listed = (await v.organise("GET", "/api/campaigns")).json()["data"]
        one = next(each for each in listed if each["title"] == "Next year")
        assert (one["description"], one["cover_photo"]) == ("", "/images/a.jpg")
        nameless = await client.submit(page_of(campaign, "/duplicate"), {"title": ""})
        assert nameless.status_code == 422
