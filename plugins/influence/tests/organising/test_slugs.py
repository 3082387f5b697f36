"""The address of a campaign: chosen, changed, and never another campaign's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from changemaker_core import Invalid
from changemaker_influence.campaigns import services
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.campaigns.slugs import free_slug, is_slug_of
from changemaker_influence.plugin import InfluencePlugin

NEW = NewCampaign(
    title="Water", email_subject="Water", email_body="Now.", target_government_levels=["FEDERAL"]
)


@pytest.mark.database("sqlite")
async def test_a_former_address_leads_to_the_present_one(visit):
    async with visit() as v:
        campaign = await v.campaign()
        old = f"/campaigns/{campaign['slug']}"
        assert (await v.client.get(old)).status_code == 200
        await v.change(campaign["id"], slug="water")
        moved = await v.client.get(old)
        assert (moved.status_code, moved.headers["Location"]) == (301, "/campaigns/water")
        assert moved.headers["Cache-Control"] == "no-cache"
        # A page that was opened before: what its visitor does is not lost.
        found = await v.look_up(campaign, "L5G 4L3")
        assert "Avery Tremblay-Sample" in found.text
        public = await v.client.get(f"/api/public/campaigns/{campaign['slug']}")
        assert public.json()["slug"] == "water"
        # Back again: no circle.
        await v.change(campaign["id"], slug=campaign["slug"])
        assert (await v.client.get(old)).status_code == 200
        assert (await v.client.get("/campaigns/water")).headers["Location"] == old


@pytest.mark.database("sqlite")
async def test_an_address_that_another_campaign_has_or_had_is_refused(visit):
    async with visit() as v:
        first = await v.campaign(title="Rivers")
        await v.change(first["id"], slug="lakes")
        second = await v.campaign(title="Rivers")
        assert second["slug"] == "rivers-2"
        path = f"/api/campaigns/{second['id']}"
        for taken in ("rivers", "lakes"):
            refused = await v.organise("PATCH", path, json={"slug": taken})
            assert [each["field"] for each in refused.json()["errors"]] == ["slug"], taken
        for wrong in ("Rivers", "a b", "-a", "a--b", "é", "a\n", "", "a" * 81, "../x"):
            refused = await v.organise("PATCH", path, json={"slug": wrong})
            assert refused.status_code == 422, wrong
        assert (await v.organise("GET", path)).json()["slug"] == "rivers-2"


@pytest.mark.database("sqlite")
async def test_a_draft_leaves_no_address_behind_and_keeps_one_that_was_chosen(visit):
    async with visit() as v:
        draft = await v.campaign("DRAFT", title="Rivers")
        await v.change(draft["id"], slug="parks")
        renamed = await v.change(draft["id"], title="Lakes")
        assert renamed["slug"] == "parks"
        other = await v.campaign("DRAFT", title="Rivers")
        assert other["slug"] == "rivers"
        assert (await v.client.get("/campaigns/rivers")).status_code == 404


def test_an_address_is_given_once_whoever_asks_for_it(make_site):
    site = make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})
    made = [site.db.sync.write(services.create, NEW) for _ in range(8)]

    def take(campaign):
        try:
            wanted = CampaignChange(slug="rivers")
            return site.db.sync.write(services.change, campaign.id, wanted).slug
        except Invalid:
            return None

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, made))
    assert sorted(map(str, taken)) == ["None"] * 7 + ["rivers"]


@pytest.mark.parametrize("title", ["Water", "Water 2", "Long " * 40, "日本", "a" * 300])
def test_a_slug_that_was_made_of_a_title_is_known(title):
    taken: list[str] = []
    for _ in range(12):
        slug = free_slug(title, taken)
        assert is_slug_of(title, slug)
        assert not is_slug_of("Something else", slug)
        taken.append(slug)
