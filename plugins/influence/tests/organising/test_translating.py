"""A campaign's texts beside their translations."""

from __future__ import annotations

import re

import pytest

from changemaker_influence.organising.translating import changes_between
from changemaker_influence.translations import services
from changemaker_influence.translations.schemas import TranslationChange

pytestmark = pytest.mark.database("sqlite")
SCRIPT = "<script>alert(1)</script>"
FRENCH = {
    "title": "De l’eau potable",
    "description": f"Demandez de l’eau. {SCRIPT}",
    "email_subject": "Eau potable",
    "email_body": "Bonjour {nom_du_destinataire}",
}


def page_of(campaign, name="/fr"):
    return f"/admin/campaigns/{campaign['id']}/translations{name}"


def marks(page):
    return dict(re.findall(r'type="hidden" name="(version|seen)" value="([^"]*)"', page.text))


async def test_a_campaign_is_translated_side_by_side(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        begun = await client.get(page_of(campaign, ""))
        assert begun.headers["location"] == page_of(campaign)
        page = await client.get(page_of(campaign))
        assert "4 texts are missing" in page.text
        assert page_of(campaign, "/fr/remove") not in page.text
        wrong = {**FRENCH, "email_body": "Bonjour {nom}"}
        refused = await client.submit(page_of(campaign), wrong)
        assert refused.status_code == 422
        assert 'id="email_body-error"' in refused.text
        assert SCRIPT not in refused.text
        part = await client.submit(page_of(campaign), {"title": FRENCH["title"]})
        assert part.status_code == 303
        assert "Supporters see it once" in (await client.get(page_of(campaign))).text
        assert (await client.submit(page_of(campaign), FRENCH)).status_code == 303
        whole = await client.get(page_of(campaign))
        assert "Shown to readers" in whole.text
        public = await v.client.get(
            f"/campaigns/{campaign['slug']}", headers={"Accept-Language": "fr"}
        )
        assert FRENCH["title"] in public.text
        assert SCRIPT not in public.text
        emptied = await client.submit(page_of(campaign), {"email_subject": ""})
        assert 'id="email_subject-error"' in emptied.text
        asked = await client.get(page_of(campaign, "/fr/remove"))
        assert "All texts in this language are deleted" in asked.text
        assert (await client.submit(page_of(campaign, "/fr/remove"))).status_code == 303
        assert (await client.get(page_of(campaign, "/fr/remove"))).status_code == 404
        assert (await client.get(page_of(campaign, "/en"))).status_code == 404


async def test_what_is_outdated_shows_what_has_changed(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        await client.submit(page_of(campaign), FRENCH)
        await v.change(campaign["id"], description="Ask for clean water in May.")
        page = await client.get(page_of(campaign))
        assert "1 text is outdated" in page.text
        assert "<del>Ask for clean water.</del>" in page.text
        assert (await client.submit(page_of(campaign))).status_code == 303
        assert "1 text is outdated" in (await client.get(page_of(campaign))).text
        confirmed = await client.submit(page_of(campaign), {"still_right": ["description"]})
        assert confirmed.status_code == 303
        assert "outdated" not in (await client.get(page_of(campaign))).text


async def test_a_letter_is_compared_with_the_text_in_its_language(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        await client.submit(page_of(campaign), FRENCH)
        await v.send(campaign, language="fr")
        [email] = await v.emails(campaign)
        page = await client.get(f"/admin/letters/{email['id']}")
        assert "Bonjour" in page.text
        assert "<del" not in page.text
        await v.change(campaign["id"], allow_email_editing=True)
        await v.send(campaign, language="fr", body="Bonjour, gardez l’eau propre.")
        edited = (await v.emails(campaign))[0]
        assert edited["edited"]
        page = await client.get(f"/admin/letters/{edited['id']}")
        assert "<del" in page.text


async def test_the_second_of_two_translators_loses_nothing(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        await client.submit(page_of(campaign), FRENCH)
        opened = marks(await client.get(page_of(campaign)))
        first = TranslationChange(title="Le premier", email_subject="Premier objet")
        await v.site.db.write(services.translate, campaign["id"], "fr", first)
        mine = {**FRENCH, "title": "Le second"}
        refused = await client.submit(page_of(campaign), {**opened, **mine})
        assert refused.status_code == 409
        assert "Le premier" in refused.text
        assert 'value="Le second"' in refused.text
        assert 'value="Premier objet"' in refused.text  # which only the first had changed


def test_changes_are_lines():
    assert changes_between("a\nb", "a\nc") == [(" ", "a"), ("-", "b"), ("+", "c")]
    assert changes_between("", "a") == [("+", "a")]
