"""A campaign in two languages: writing the second, and who reads and sends which."""

from __future__ import annotations

import re

import pytest

from changemaker_core import EditConflict
from changemaker_influence.translations import services
from changemaker_influence.translations.schemas import TranslationChange

pytestmark = pytest.mark.database("sqlite")
FRENCH = {
    "title": "De l’eau potable pour tout le monde",
    "description": "Demandez de l’eau potable.",
    "email_subject": "Eau potable",
    "email_body": "Bonjour {nom_du_destinataire},\n\nagissez pour l’eau.\n\n{votre_nom}",
}
FR, EN = {"Accept-Language": "fr"}, {"Accept-Language": "en"}


async def translated(v, campaign, **texts):
    path = f"/api/campaigns/{campaign['id']}/translations/fr"
    response = await v.organise("PATCH", path, json=texts or FRENCH)
    assert response.status_code == 200, response.text
    return response.json()


def field(translation, name):
    return next(each for each in translation["texts"] if each["field"] == name)


async def test_each_reader_sees_their_language_once_it_is_written(visit):
    async with visit() as v:
        campaign = await v.campaign(call_to_action="Write now", thank_you="Thanks!")
        page, public = f"/campaigns/{campaign['slug']}", f"/api/public/campaigns/{campaign['slug']}"
        begun = await translated(v, campaign, title=FRENCH["title"])
        assert not begun["is_offered"]
        assert campaign["title"] in (await v.client.get(page, headers=FR)).text
        whole = await translated(v, campaign)
        assert whole["is_offered"]
        assert field(whole, "call_to_action")["is_missing"]
        french = (await v.client.get(page, headers=FR)).text
        assert FRENCH["title"] in french
        assert FRENCH["description"] in french
        assert "Write now" not in french  # no page in two languages
        assert 'hreflang="fr"' in french
        assert campaign["title"] in (await v.client.get(page, headers=EN)).text
        for path, headers, title in (
            ("/campaigns", FR, FRENCH["title"]),
            ("/campaigns", EN, campaign["title"]),
            (public, FR, campaign["title"]),
            (f"{public}/translations/fr", EN, FRENCH["title"]),
            ("/api/public/campaigns?language=fr", EN, FRENCH["title"]),
        ):
            assert title in (await v.client.get(path, headers=headers)).text, path
        assert (await v.client.get(public)).json()["translated_into"] == ["fr"]
        assert (await v.client.get(f"{public}/translations/de")).status_code == 404


@pytest.mark.parametrize(("headers", "language"), [(FR, "fr"), (EN, "en")])
async def test_a_letter_leaves_in_the_language_in_which_its_sender_read_it(
    visit, headers, language
):
    async with visit() as v:
        campaign = await v.campaign(thank_you="Thanks!")
        await translated(v, campaign, **FRENCH, thank_you="Merci!")
        page = (await v.look_up(campaign, "L5G 4L3", headers=headers)).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        del fields["find"]
        key = re.search(r'name="recipients" type="checkbox" value="([^"]+)"', page)[1]
        person = {
            "sender_name": "Sacha",
            "sender_email": "sacha@example.org",
            "recipients": key,
            "consent": "on",
        }
        # The page around it changes its language meanwhile: what was read is what is sent.
        other = EN if headers is FR else FR
        sent = await v.client.post(
            f"/campaigns/{campaign['slug']}", data={**fields, **person}, headers=other
        )
        assert sent.status_code == 303, sent.text
        assert fields["language"] == language
        [email] = await v.emails(campaign)
        own = FRENCH["email_subject"] if language == "fr" else campaign["email_subject"]
        assert (email["subject"], email["edited"]) == (own, False)
        await v.run_jobs()
        status = (await v.client.get(sent.headers["location"], headers=other)).text
        assert ("Merci!" if language == "fr" else "Thanks!") in status


async def test_a_program_says_in_which_language_the_campaign_was_read(visit):
    async with visit() as v:
        campaign = await v.campaign()
        refused = await v.send(campaign, language="fr")
        assert refused.json()["errors"][0]["field"] == "language"
        await translated(v, campaign)
        assert (await v.send(campaign, language="fr")).status_code == 202
        assert (await v.send(campaign)).status_code == 202
        subjects = [each["subject"] for each in await v.emails(campaign)]
        assert subjects == [campaign["email_subject"], FRENCH["email_subject"]]


async def test_what_is_outdated_is_marked_until_it_is_read_again(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await translated(v, campaign)
        await v.change(campaign["id"], description="Ask for clean water in May.")
        path = f"/api/campaigns/{campaign['id']}/translations"
        [french] = (await v.organise("GET", path)).json()["data"]
        outdated = [each["field"] for each in french["texts"] if each["is_outdated"]]
        assert outdated == ["description"]
        assert field(french, "description")["translated_from"] == campaign["description"]
        assert french["is_offered"]
        same = TranslationChange(description=FRENCH["description"])

        def write(tx, still_right):
            return services.translate(tx, campaign["id"], "fr", same, still_right=still_right)

        as_before = await v.site.db.write(write, ())
        assert any(each.is_outdated for each in as_before.texts)
        confirmed = await v.site.db.write(write, ("description",))
        assert not any(each.is_outdated for each in confirmed.texts)


async def test_the_second_of_two_translators_is_told(visit):
    async with visit() as v:
        campaign = await v.campaign()
        version = (await translated(v, campaign))["version"]
        wanted = TranslationChange(title="Un autre titre", version=version)
        await v.site.db.write(services.translate, campaign["id"], "fr", wanted)
        with pytest.raises(EditConflict):
            await v.site.db.write(services.translate, campaign["id"], "fr", wanted)


async def test_mistakes_in_a_translation_are_those_of_a_campaign(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await translated(v, campaign)
        path = f"/api/campaigns/{campaign['id']}/translations/"
        for body, wrong in (
            ({"email_body": "Bonjour {nom_destinataire}"}, "email_body"),
            ({"email_subject": ""}, "email_subject"),
            ({"title": "x" * 201}, "title"),
            ({"slug": "other"}, "slug"),
        ):
            refused = await v.organise("PATCH", f"{path}fr", json=body)
            assert refused.json()["errors"][0]["field"] == wrong, refused.text
        for language in ("en", "de"):
            response = await v.organise("PATCH", f"{path}{language}", json={"title": "x"})
            assert response.status_code == 404


async def test_a_translation_is_removed_and_copied(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await translated(v, campaign)
        path = f"/api/campaigns/{campaign['id']}"
        made = await v.organise("POST", f"{path}/duplicate", json={"title": "A copy"})
        copy = (await v.organise("GET", f"/api/campaigns/{made.json()['id']}/translations")).json()
        assert field(copy["data"][0], "description")["text"] == FRENCH["description"]
        assert not copy["data"][0]["is_offered"]  # it has another title
        assert (await v.organise("DELETE", f"{path}/translations/fr")).status_code == 204
        assert (await v.organise("DELETE", f"{path}/translations/fr")).status_code == 404
        page = await v.client.get(f"/campaigns/{campaign['slug']}", headers=FR)
        assert campaign["title"] in page.text
        assert (await v.organise("GET", path)).json()["translated_into"] is None


async def test_a_campaign_whose_own_language_changes_is_not_its_own_translation(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await translated(v, campaign)
        changed = await v.change(campaign["id"], language="fr")
        assert not changed["translated_into"]
        page = await v.client.get(f"/campaigns/{campaign['slug']}", headers=FR)
        assert campaign["title"] in page.text
