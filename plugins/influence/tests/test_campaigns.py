"""Campaigns over the organiser's API and the public one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from changemaker_core import Conflict
from changemaker_influence import demo
from changemaker_influence.campaigns import own_recipients, services
from changemaker_influence.campaigns.models import Campaign, CustomRecipient

NEW = {
    "title": "Clean water for everyone",
    "email_subject": "Clean water",
    "email_body": "Dear {recipient_name},\n\nplease act.",
    "target_government_levels": ["FEDERAL"],
}
PATHS = [
    ("GET", "/api/campaigns"),
    ("POST", "/api/campaigns"),
    ("GET", "/api/campaigns/{id}"),
    ("PATCH", "/api/campaigns/{id}"),
    ("DELETE", "/api/campaigns/{id}"),
    ("GET", "/api/campaigns/{id}/recipients"),
    ("POST", "/api/campaigns/{id}/recipients"),
    ("DELETE", "/api/campaigns/{id}/recipients/{id}"),
    ("GET", "/api/campaigns/{id}/emails"),
]


async def test_a_campaign_is_created_changed_published_and_deleted(visit):
    async with visit() as v:
        made = await v.organise("POST", "/api/campaigns", json=NEW)
        assert made.status_code == 201, made.text
        campaign = made.json()
        path = f"/api/campaigns/{campaign['id']}"
        assert made.headers["Location"] == path
        assert campaign["slug"] == "clean-water-for-everyone"
        assert campaign["status"] == "DRAFT"
        assert (campaign["allow_smtp_email"], campaign["allow_email_editing"]) == (True, False)
        assert campaign["created_by"]
        assert (await v.organise("GET", path)).json() == campaign
        listed = (await v.organise("GET", "/api/campaigns?status=DRAFT")).json()
        assert [each["id"] for each in listed["data"]] == [campaign["id"]]
        assert (await v.organise("GET", "/api/campaigns?status=ACTIVE")).json()["data"] == []
        published = await v.organise("PATCH", path, json={"status": "ACTIVE"})
        assert published.json()["published_at"] is not None
        assert (await v.organise("DELETE", path)).status_code == 204
        assert (await v.organise("GET", path)).status_code == 404
        assert (await v.client.get("/api/public/campaigns")).json()["data"] == []


async def test_campaigns_are_found_whatever_the_case_and_accents(visit):
    async with visit() as v:
        await v.campaign(status="DRAFT", title="Des vélos pour Montréal")
        await v.campaign(status="DRAFT", title="Trees")
        listed = (await v.organise("GET", "/api/campaigns?search=VELOS+pour+montr")).json()
        assert [each["title"] for each in listed["data"]] == ["Des vélos pour Montréal"]
        assert listed["pagination"]["total"] == 1
        assert (await v.organise("GET", "/api/campaigns?search=%25")).json()["data"] == []


async def test_all_errors_of_a_campaign_are_reported_together(visit):
    async with visit() as v:
        wrong = {
            "title": "",
            "email_subject": "Water\nBcc: x@example.org",
            "target_government_levels": ["GALACTIC"],
            "cover_photo": "javascript:alert(1)",
            "starts_at": "2030-01-01T00:00:00",
        }
        response = await v.organise("POST", "/api/campaigns", json=wrong)
        assert response.status_code == 422
        assert {error["field"] for error in response.json()["errors"]} == {
            "title",
            "email_subject",
            "email_body",
            "target_government_levels[0]",
            "cover_photo",
            "starts_at",
        }


async def test_the_organisers_api_is_for_organisers(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.sign_in(role="USER")
        for method, path in PATHS:
            url = path.replace("{id}", campaign["id"])
            assert (await v.client.request(method, url, json={})).status_code == 401, path
            refused = await v.organise(method, url, json={})
            # Of one campaign it is not even said whether it exists: a role may be for another.
            assert refused.status_code == (404 if "{id}" in path else 403), path


async def test_an_unknown_campaign_is_not_found(visit):
    async with visit() as v:
        for id in ("00000000-0000-7000-8000-000000000000", "nothing"):
            for method, path in PATHS[2:]:
                body = {"name": "A", "email": "a@example.org"} if method == "POST" else {}
                response = await v.organise(method, path.replace("{id}", id), json=body)
                assert response.status_code == 404, (method, path)


async def test_a_text_of_which_nothing_is_seen_is_refused(visit):
    async with visit() as v:
        blank = {"title": " ", "email_subject": "\u2003", "email_body": "\u200b \n"}
        made = await v.organise("POST", "/api/campaigns", json={**NEW, **blank})
        assert {error["field"] for error in made.json()["errors"]} == blank.keys()
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}"
        changed = await v.organise("PATCH", path, json={"email_body": "\n"})
        assert [error["field"] for error in changed.json()["errors"]] == ["email_body"]
        nameless = {"name": " ", "email": "chair@company.example"}
        added = await v.organise("POST", f"{path}/recipients", json=nameless)
        assert [error["field"] for error in added.json()["errors"]] == ["name"]


async def test_a_misspelt_placeholder_is_refused(visit):
    async with visit() as v:
        wrong = {"email_body": "Dear {recipent_name}, {sender_name}"}
        made = await v.organise("POST", "/api/campaigns", json={**NEW, **wrong})
        assert made.status_code == 422
        (error,) = made.json()["errors"]
        assert error["field"] == "email_body"
        assert "{recipent_name}" in error["message"]
        assert "{recipient_name}" in error["message"]
        campaign = (await v.organise("POST", "/api/campaigns", json=NEW)).json()
        path = f"/api/campaigns/{campaign['id']}"
        wrong = {"email_subject": "From {{ sender }}"}
        assert (await v.organise("PATCH", path, json=wrong)).status_code == 422
        assert (await v.organise("PATCH", path, json={"title": "Water"})).status_code == 200


async def test_dates_must_fit(visit):
    async with visit() as v:
        campaign = await v.campaign(starts_at="2030-01-02T00:00:00Z")
        change = {"ends_at": "2030-01-01T00:00:00Z"}
        response = await v.organise("PATCH", f"/api/campaigns/{campaign['id']}", json=change)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "ends_at"


@pytest.mark.parametrize(
    "change",
    [{"starts_at": "0001-01-01T00:00:00+14:00"}, {"ends_at": "9999-12-31T23:59:59-14:00"}],
)
async def test_dates_are_ones_that_every_time_zone_has(visit, change):
    async with visit() as v:
        campaign = await v.campaign()
        response = await v.organise("PATCH", f"/api/campaigns/{campaign['id']}", json=change)
        assert response.status_code == 422
        assert {error["field"] for error in response.json()["errors"]} == change.keys()


async def test_a_draft_is_not_public(visit):
    async with visit() as v:
        campaign = await v.campaign(status="DRAFT")
        await v.change(campaign["id"], status="ARCHIVED")
        assert (await v.client.get(f"/api/public/campaigns/{campaign['slug']}")).status_code == 404
        assert (await v.client.get(f"/campaigns/{campaign['slug']}")).status_code == 404
        assert (await v.send(campaign)).status_code == 404


async def test_a_published_campaign_has_recipients(visit):
    async with visit() as v:
        campaign = await v.campaign(status="DRAFT", target_government_levels=[])
        path = f"/api/campaigns/{campaign['id']}"
        assert (await v.organise("PATCH", path, json={"status": "ACTIVE"})).status_code == 422
        both = {"status": "ACTIVE", "allow_custom_recipients": True}
        assert (await v.organise("PATCH", path, json=both)).status_code == 200


async def test_a_recipient_of_a_campaign_is_removed(visit):
    async with visit() as v:
        one, other = await v.campaign(), await v.campaign(title="Trees")
        path = f"/api/campaigns/{one['id']}/recipients"
        clerk = {"name": "Robin Clerk", "email": "clerk@example.org"}
        made = (await v.organise("POST", path, json=clerk)).json()
        elsewhere = f"/api/campaigns/{other['id']}/recipients/{made['id']}"
        for wrong in (elsewhere, f"{path}/{one['id']}", f"{path}/nothing"):
            assert (await v.organise("DELETE", wrong)).status_code == 404
        assert len((await v.organise("GET", path)).json()["data"]) == 1
        assert (await v.organise("DELETE", f"{path}/{made['id']}")).status_code == 204
        assert (await v.organise("GET", path)).json()["data"] == []
        assert (await v.organise("POST", path, json=clerk)).status_code == 201


async def test_a_status_follows_the_table(visit):
    async with visit() as v:
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}"
        refused = await v.organise("PATCH", path, json={"status": "DRAFT"})
        assert (refused.status_code, refused.json()["code"]) == (409, "illegal_transition")
        assert (await v.organise("PATCH", path, json={"status": "PAUSED"})).status_code == 200
        assert (await v.organise("PATCH", path, json={"status": "PAUSED"})).status_code == 200


async def test_slugs_are_unique_and_stay_once_published(visit):
    async with visit() as v:
        made = await asyncio.gather(*(v.campaign(status="DRAFT") for _ in range(5)))
        slugs = sorted(campaign["slug"] for campaign in made)
        assert slugs == ["clean-water-for-everyone"] + [
            f"clean-water-for-everyone-{number}" for number in (2, 3, 4, 5)
        ]
        renamed = await v.change(made[0]["id"], title="Rivers first")
        assert renamed["slug"] == "rivers-first"
        await v.change(made[0]["id"], status="ACTIVE")
        await v.change(made[0]["id"], status="PAUSED")
        renamed = await v.change(made[0]["id"], title="Lakes first")
        assert (renamed["title"], renamed["slug"]) == ("Lakes first", "rivers-first")


async def test_a_campaign_with_messages_cannot_be_deleted(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign)
        response = await v.organise("DELETE", f"/api/campaigns/{campaign['id']}")
        assert (response.status_code, response.json()["code"]) == (409, "campaign_has_emails")


async def test_the_public_list_has_open_campaigns_without_internal_fields(visit):
    async with visit() as v:
        draft = await v.campaign(status="DRAFT", title="Draft")
        shown = await v.campaign(title="CampaignFields", show_email_count=True)
        silent = await v.campaign(title="Silent", show_email_count=False)
        await v.campaign(title="Later", starts_at="2999-01-01T00:00:00Z")
        await v.campaign(title="Over", ends_at="2020-01-01T00:00:00Z")
        paused = await v.campaign(title="Paused", status="ACTIVE")
        await v.change(paused["id"], status="PAUSED")
        listed = (await v.client.get("/api/public/campaigns")).json()
        assert [each["title"] for each in listed["data"]] == ["Silent", "CampaignFields"]
        assert [each["email_count"] for each in listed["data"]] == [None, 0]
        assert (await v.client.get(f"/api/public/campaigns/{draft['slug']}")).status_code == 404
        seen = (await v.client.get(f"/api/public/campaigns/{shown['slug']}")).json()
        assert seen["is_open"] is True
        assert not {"status", "created_by", "created_at"} & seen.keys()
        closed = (await v.client.get(f"/api/public/campaigns/{paused['slug']}")).json()
        assert closed["is_open"] is False
        await v.send(shown)
        await v.send(silent)
        await v.run_jobs()
        seen = (await v.client.get(f"/api/public/campaigns/{shown['slug']}")).json()
        assert seen["email_count"] == 1
        quiet = (await v.client.get(f"/api/public/campaigns/{silent['slug']}")).json()
        assert quiet["email_count"] is None


async def test_a_campaign_opens_and_ends_by_itself(visit):
    async with visit() as v:
        begin, end = v.clock() + timedelta(hours=1), v.clock() + timedelta(hours=2)
        campaign = await v.campaign(starts_at=begin.isoformat(), ends_at=end.isoformat())
        assert (await v.send(campaign)).status_code == 409
        v.clock.ahead += timedelta(minutes=61)
        assert (await v.send(campaign)).status_code == 202
        v.clock.ahead += timedelta(minutes=60)
        assert (await v.send(campaign, sender_email="other@example.org")).status_code == 409


def test_recipients_of_a_campaign_are_different_people(make_site):
    from changemaker_influence.campaigns.schemas import NewCampaign, NewRecipient
    from changemaker_influence.plugin import InfluencePlugin

    table = {"influence": {"directory": "file"}}
    site = make_site(InfluencePlugin, plugin_tables=table)
    campaign = site.db.sync.write(services.create, NewCampaign(**NEW))
    chair = NewRecipient(name="Chair", email="Chair@example.org")
    added = site.db.sync.write(own_recipients.add_recipient, campaign.id, chair)
    assert added.email == "chair@example.org"
    with pytest.raises(Conflict):
        site.db.sync.write(own_recipients.add_recipient, campaign.id, chair)


def test_the_demonstration_has_three_campaigns_once(make_site):
    from changemaker_influence.plugin import InfluencePlugin

    site = make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})

    def count():
        return site.db.sync.read(
            lambda: (
                sorted(each.language for each in Campaign.select()),
                Campaign.select().where(Campaign.status == "ACTIVE").count(),
                CustomRecipient.select().count(),
            )
        )

    site.db.sync.write(demo.seed)
    assert count() == (["en", "en", "fr"], 3, 1)
    site.db.sync.write(demo.seed)
    assert count() == (["en", "en", "fr"], 3, 1)


def test_other_sites_have_no_samples(make_site):
    from changemaker_influence.plugin import InfluencePlugin

    site = make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})
    InfluencePlugin().cm_bootstrap_site(site, {"demo": False})
    assert site.db.sync.read(lambda: Campaign.select().count()) == 0
