"""A campaign's own recipients on organisers' pages, and who is ticked at first."""

from __future__ import annotations

import pytest

from changemaker_core.testing import as_role
from changemaker_influence.campaigns import own_recipients
from changemaker_influence.campaigns.schemas import RecipientChange

pytestmark = pytest.mark.database("sqlite")
SCRIPT = '<script>alert("x")</script>'
CHAIR = {"name": "Robin Sample", "email": "robin@company.example", "title": "Chair"}


def page_of(campaign, name=""):
    return f"/admin/campaigns/{campaign['id']}/recipients{name}"


async def listed(v, campaign):
    path = f"/api/campaigns/{campaign['id']}/recipients"
    return (await v.organise("GET", path)).json()["data"]


async def test_a_person_is_added_changed_and_removed(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        empty = await client.get(page_of(campaign))
        assert "no people of its own" in empty.text
        wrong = await client.submit(page_of(campaign), {"name": SCRIPT, "email": "nobody"})
        assert wrong.status_code == 422
        assert 'id="email-error"' in wrong.text
        assert SCRIPT not in wrong.text
        assert "&lt;script&gt;" in wrong.text
        assert (await client.submit(page_of(campaign), CHAIR)).status_code == 303
        again = await client.submit(page_of(campaign), CHAIR)
        assert "already has a recipient with this address" in again.text
        page = await client.get(page_of(campaign))
        assert "Supporters do not see these people yet" in page.text
        [one] = await listed(v, campaign)
        path = page_of(campaign, f"/{one['id']}")
        assert path in page.text
        assert (await client.submit(path, {"title": "President"})).status_code == 303
        assert (await listed(v, campaign))[0]["title"] == "President"
        asked = await client.get(f"{path}/remove")
        assert "those that wait are sent" in asked.text
        assert (await client.submit(f"{path}/remove")).status_code == 303
        assert await listed(v, campaign) == []
        assert (await client.get(path)).status_code == 404


async def test_the_second_of_two_editors_of_a_person_loses_nothing(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        await client.submit(page_of(campaign), CHAIR)
        [one] = await listed(v, campaign)
        path = page_of(campaign, f"/{one['id']}")
        opened = await client.get(path)
        change = RecipientChange(name="Robin First")
        await v.site.db.write(own_recipients.change_recipient, campaign["id"], one["id"], change)
        marks = {
            name: opened.text.split(f'name="{name}" value="')[1].split('"')[0]
            for name in ("version", "seen")
        }
        refused = await client.submit(path, {**marks, "name": "Robin Second"})
        assert refused.status_code == 409
        assert "Robin First" in refused.text
        assert 'value="Robin Second"' in refused.text
        assert (await listed(v, campaign))[0]["name"] == "Robin First"


async def test_a_file_is_added_or_its_rows_are_named(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        path, page = page_of(campaign, "/import"), page_of(campaign)
        broken = b"name,email\nAnn,ann@example.org\nBo,<b>bo</b>\n"
        refused = await client.submit(
            path, files={"file": ("people.csv", broken, "text/csv")}, page=page
        )
        assert refused.status_code == 422
        assert "Row 3" in refused.text
        assert "<b>bo</b>" not in refused.text
        assert await listed(v, campaign) == []
        good = b"Nom;Courriel\nAnn;ann@example.org\n"
        added = await client.submit(path, files={"file": ("p.csv", good, "text/csv")}, page=page)
        assert added.status_code == 303
        assert "Added: 1" in (await client.get(page)).text
        missing = await client.submit(path, page=page)
        assert 'id="file-error"' in missing.text
        assert (await client.get(path)).headers["location"] == page


async def test_who_is_ticked_at_first_is_chosen(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        path, page = page_of(campaign, "/first"), page_of(campaign)
        levels = {"preselected": "LEVELS", "preselected_levels": []}
        refused = await client.submit(path, levels, page=page)
        assert 'id="preselected_levels-error"' in refused.text
        levels["preselected_levels"] = ["FEDERAL"]
        chosen = {**levels, "allow_custom_recipients": "on"}
        assert (await client.submit(path, chosen, page=page)).status_code == 303
        stored = (await v.organise("GET", f"/api/campaigns/{campaign['id']}")).json()
        assert (stored["preselected"], stored["preselected_levels"]) == ("LEVELS", ["FEDERAL"])
        assert stored["allow_custom_recipients"]
        # An older page: what another person has chosen since is not taken back unseen.
        old = {"preselected": "NONE", "version": "1"}
        stale = await client.submit(path, old, page=page)
        assert "Another person has changed this campaign" in stale.text
        assert (await client.submit(path, {"preselected": "ALL"}, page=page)).status_code == 303
        stored = (await v.organise("GET", f"/api/campaigns/{campaign['id']}")).json()
        assert (stored["preselected"], stored["preselected_levels"]) == ("ALL", None)


@pytest.mark.parametrize("page", ["recipients", "numbers", "share", "translations/fr"])
async def test_organisers_of_one_campaign_see_its_pages_alone(organise, page):
    async with organise(only=lambda v: v.campaign(title="Own")) as (v, client):
        other = await v.campaign(title="Somebody's")
        own = await client.get(f"/admin/campaigns/{v.own['id']}/{page}")
        assert own.status_code == 200
        foreign = await client.get(f"/admin/campaigns/{other['id']}/{page}")
        assert foreign.status_code == 404
        assert "Somebody" not in foreign.text


@pytest.mark.parametrize("page", ["recipients", "numbers", "share", "translations/fr"])
async def test_who_may_only_read_gets_no_buttons(organise, page):
    async with organise() as (v, _client):
        campaign = await v.campaign()
        reader = {
            "name": "READER",
            "description": "Reads",
            "permissions": ["influence.campaign.read"],
        }
        await v.sign_in("SUPER_ADMIN")
        made = await v.organise("POST", "/api/roles", json=reader)
        assert made.status_code == 201, made.text
        async with as_role(v.app, made.json()["name"]) as other:
            shown = await other.get(f"/admin/campaigns/{campaign['id']}/{page}")
        main = shown.text.split("<main")[1]
        assert shown.status_code == 200
        assert 'type="submit"' not in main
        assert "emails.csv" not in main
