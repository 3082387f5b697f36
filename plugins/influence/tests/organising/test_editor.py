"""A campaign is begun and edited on organisers' pages; nothing that was typed is lost."""

from __future__ import annotations

import html
import io
import re

import pytest
from PIL import Image

from changemaker_core.testing import as_role

pytestmark = pytest.mark.database("sqlite")
SCRIPT = '<script>alert("x")</script>'


def page_of(campaign, name=""):
    return f"/admin/campaigns/{campaign['id']}{name}"


def photo():
    written = io.BytesIO()
    Image.new("RGB", (1000, 600), "green").save(written, "JPEG")
    return ("park.jpg", written.getvalue(), "image/jpeg")


def text_of(page):
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def marks(page):
    """The version that a form shows, with the digests of its values."""
    found = re.findall(r'type="hidden" name="(version|seen)" value="([^"]*)"', page.text)
    assert len(found) == 2
    return dict(found)


async def stored(v, campaign):
    return (await v.organise("GET", f"/api/campaigns/{campaign['id']}")).json()


async def test_a_campaign_is_begun_with_a_title(organise):
    async with organise() as (v, client):
        empty = await client.submit("/admin/campaigns/new", {"title": " "})
        assert empty.status_code == 422
        assert 'id="title-error"' in empty.text
        begun = await client.submit(
            "/admin/campaigns/new",
            {"title": "Night buses", "language": "fr", "target_government_levels": ["MUNICIPAL"]},
        )
        assert begun.status_code == 303
        page = await client.get(begun.headers["Location"])
        assert "The draft is saved." in page.text
        made = (await v.organise("GET", "/api/campaigns")).json()["data"][0]
        assert (made["status"], made["language"], made["slug"]) == ("DRAFT", "fr", "night-buses")
        assert (made["email_subject"], made["email_body"]) == ("", "")


async def test_everything_is_edited_and_what_was_not_is_as_before(organise):
    async with organise() as (v, client):
        campaign = await v.campaign(starts_at="2030-01-02T15:00:00Z", language="fr")
        unchanged = await client.submit(page_of(campaign))
        assert unchanged.status_code == 303
        fields = set(campaign) - {"version", "updated_at", "updated_by"}
        now = await stored(v, campaign)
        assert {name: now[name] for name in fields} == {name: campaign[name] for name in fields}
        assert now["updated_by"] is not None
        saved = await client.submit(
            page_of(campaign),
            {
                "title": "Other",
                "slug": "Öther Campaign!",
                "target_government_levels": ["FEDERAL"],
                "allow_email_editing": "on",
                "ends_at": "2030-02-01T12:00",
            },
        )
        assert saved.status_code == 303
        now = await stored(v, campaign)
        assert (now["title"], now["slug"]) == ("Other", "other-campaign")
        assert now["target_government_levels"] == ["FEDERAL"]
        assert now["ends_at"] == "2030-02-01T12:00:00Z"


#: What cannot be saved, and the field that says why.
WRONG = [
    ({"title": ""}, "title"),
    ({"email_body": ""}, "email_body"),
    ({"email_body": "Dear {recipent_name}"}, "email_body"),
    ({"starts_at": "2030-01-02T00:00", "ends_at": "2030-01-01T00:00"}, "ends_at"),
    ({"slug": "taken"}, "slug"),
    ({"cover_photo": "javascript:alert(1)"}, "cover_photo"),
]


async def test_an_error_is_at_its_field_and_everything_typed_is_kept(organise):
    async with organise() as (v, client):
        await v.campaign(title="Taken")
        campaign = await v.campaign()
        for typed, field in WRONG:
            sent = {"description": f"Typed {SCRIPT}", **typed}
            refused = await client.submit(page_of(campaign), sent)
            assert refused.status_code == 422, field
            assert f'id="{field}-error"' in refused.text
            assert SCRIPT not in refused.text
            assert f"Typed {SCRIPT}" in html.unescape(refused.text)
        assert await stored(v, campaign) == campaign


async def test_the_second_of_two_editors_sees_what_the_first_saved(organise):
    async with organise() as (v, client), as_role(v.app, "INFLUENCE_ADMIN") as other:
        campaign = await v.campaign()
        opened = marks(await client.get(page_of(campaign)))
        first = {"title": f"First {SCRIPT}", "email_subject": "First subject"}
        assert (await other.submit(page_of(campaign), first)).status_code == 303
        before = {"email_subject": campaign["email_subject"]}
        mine = {"title": "Second", "description": "Mine alone"}
        refused = await client.submit(page_of(campaign), {**opened, **before, **mine})
        assert refused.status_code == 409
        seen = text_of(refused.text)
        assert "saved this while you were editing" in seen
        assert f"First {SCRIPT}" in html.unescape(refused.text)
        assert SCRIPT not in refused.text
        assert 'value="Second"' in refused.text
        assert 'value="First subject"' in refused.text
        assert "Mine alone" in refused.text
        assert (await stored(v, campaign))["title"] == first["title"]
        # The second decides: what the form has now is saved.
        taken = {**marks(refused), **mine, "email_subject": "First subject"}
        assert (await client.submit(page_of(campaign), taken)).status_code == 303
        now = await stored(v, campaign)
        assert (now["title"], now["email_subject"]) == ("Second", "First subject")
        assert now["description"] == "Mine alone"


async def test_a_photo_comes_with_the_form_and_goes(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        alt = {"cover_photo_alt": "A park"}
        saved = await client.submit(page_of(campaign), alt, files={"photo": photo()})
        assert saved.status_code == 303
        now = await stored(v, campaign)
        assert now["cover_photo"].startswith("/images/influence/")
        public = (await v.client.get("/campaigns")).text
        assert 'alt="A park"' in public
        wrong = ("a.svg", b"<svg/>", "image/svg+xml")
        refused = await client.submit(page_of(campaign), files={"photo": wrong})
        assert refused.status_code == 422
        assert 'id="photo-error"' in refused.text
        removed = await client.submit(page_of(campaign), {"remove_photo": "on"})
        assert removed.status_code == 303
        now = await stored(v, campaign)
        assert (now["cover_photo"], now["cover_photo_alt"]) == ("", "")


async def test_who_organises_one_campaign_sees_and_changes_that_one(organise):
    async with organise(only=lambda v: v.campaign(title="Own")) as (v, client):
        other = await v.campaign(title="Somebody's")
        listed = await client.get("/admin/campaigns")
        assert ("Own" in listed.text, "Somebody" in listed.text) == (True, False)
        assert "New campaign" not in listed.text
        assert (await client.get("/admin/campaigns/new")).status_code == 403
        page = await client.get(page_of(v.own))
        assert (page.status_code, "Duplicate" in page.text) == (200, False)
        assert (await client.submit(page_of(v.own), {"title": "Mine"})).status_code == 303
        assert (await client.get(page_of(v.own, "/duplicate"))).status_code == 403
        for name in ("", "/preview", "/preview/page", "/duplicate", "/publish"):
            assert (await client.get(page_of(other, name))).status_code == 404, name


async def test_the_list_finds_by_words_and_state(organise):
    async with organise() as (v, client):
        empty = await client.get("/admin/campaigns")
        assert "No campaigns yet" in empty.text
        await v.campaign("DRAFT", title="Forêts")
        await v.campaign(title="Rivers")
        await v.campaign(title="Later", starts_at="2999-01-01T00:00:00Z")
        page = await client.get("/admin/campaigns", params={"q": "foret"})
        assert ("Forêts" in page.text, "Rivers" in page.text) == (True, False)
        page = await client.get("/admin/campaigns", params={"status": "ACTIVE", "sort": "title"})
        assert ("Forêts" in page.text, "Rivers" in page.text) == (False, True)
        assert "Not started yet" in page.text
