"""A copy of a campaign: what comes along, and what never does."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.database("sqlite")
CLERK = {"name": "Robin Clerk", "email": "clerk@example.org", "title": "Clerk"}
#: What belongs to one campaign alone.
OWN = ("id", "slug", "title", "status", "version", "published_at", "created_by", "updated_by")
OWN += ("created_at", "updated_at", "starts_at", "ends_at")


@pytest.fixture
def original(visit):
    async def make(v):
        campaign = await v.campaign(
            description="Why",
            call_to_action="Write",
            cover_photo="/images/park.jpg",
            cover_photo_alt="A park",
            allow_email_editing=True,
            allow_custom_recipients=True,
            ends_at="2999-01-01T00:00:00Z",
        )
        await v.organise("POST", f"/api/campaigns/{campaign['id']}/recipients", json=CLERK)
        await v.send(campaign)
        await v.run_jobs()
        return campaign

    return make


async def test_a_copy_is_a_draft_with_everything_but_letters_and_numbers(visit, original):
    async with visit() as v:
        campaign = await original(v)
        path = f"/api/campaigns/{campaign['id']}/duplicate"
        response = await v.organise("POST", path, json={"title": campaign["title"]})
        assert response.status_code == 201
        copy = response.json()
        assert {k: x for k, x in copy.items() if k not in OWN} == {
            k: x for k, x in campaign.items() if k not in OWN
        }
        assert (copy["status"], copy["slug"]) == ("DRAFT", f"{campaign['slug']}-2")
        assert (copy["published_at"], copy["ends_at"], copy["version"]) == (None, None, 1)
        assert await v.emails(copy) == []
        recipients = await v.organise("GET", f"/api/campaigns/{copy['id']}/recipients")
        assert [each["email"] for each in recipients.json()["data"]] == [CLERK["email"]]
        published = await v.change(copy["id"], status="ACTIVE")
        public = await v.client.get(f"/api/public/campaigns/{published['slug']}")
        assert public.json()["email_count"] == 0


async def test_what_is_left_out_is_empty(visit, original):
    async with visit() as v:
        campaign = await original(v)
        path = f"/api/campaigns/{campaign['id']}/duplicate"
        body = {"title": "Next year", "texts": False, "photo": False, "recipients": False}
        copy = (await v.organise("POST", path, json=body)).json()
        for name in ("description", "call_to_action", "email_subject", "email_body"):
            assert copy[name] == ""
        assert (copy["cover_photo"], copy["cover_photo_alt"]) == ("", "")
        recipients = await v.organise("GET", f"/api/campaigns/{copy['id']}/recipients")
        assert recipients.json()["data"] == []
        refused = await v.organise(
            "PATCH", f"/api/campaigns/{copy['id']}", json={"status": "ACTIVE"}
        )
        assert {each["field"] for each in refused.json()["errors"]} == {
            "email_subject",
            "email_body",
        }
