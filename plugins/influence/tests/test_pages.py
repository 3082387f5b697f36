"""The public pages, as a browser without JavaScript uses them."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest

from changemaker_influence.emails.models import CampaignEmail

pytestmark = pytest.mark.database("sqlite")

TYPED = {
    "sender_name": "Sacha Supporter",
    "sender_email": "sacha@example.org",
    "postal_code": "L5G 4L3",
    "consent": "on",
}


async def keys_of(v, campaign):
    """The boxes of the people who can be chosen, by name."""
    page = await v.look_up(campaign, "l5g 4l3")
    boxes = re.findall(
        r'name="recipients"[^>]*value="([^"]+)".*?person-name">([^<]+)<', page.text, re.DOTALL
    )
    return {html.unescape(name): key for key, name in boxes}


async def post(v, campaign, **fields):
    return await v.client.post(f"/campaigns/{campaign['slug']}", data={**TYPED, **fields})


async def test_from_the_list_to_the_status_of_a_sent_message(visit):
    async with visit() as v:
        campaign = await v.campaign()
        listed = await v.client.get("/campaigns")
        assert f'href="/campaigns/{campaign["slug"]}"' in listed.text
        page = await v.client.get(f"/campaigns/{campaign['slug']}")
        assert page.status_code == 200
        found = (await v.look_up(campaign, "L5G4L3")).text
        assert ("Parliament <span" in found, "Legislature <span" in found) == (True, True)
        keys = await keys_of(v, campaign)
        assert keys.keys() == {"Avery Tremblay-Sample", "Jordan Okafor-Sample", "Casey Sample"}
        sent = await post(v, campaign, recipients=[keys["Avery Tremblay-Sample"]])
        assert sent.status_code == 303
        assert re.fullmatch(r"/emails/[0-9a-f-]{36}", sent.headers["Location"])
        waiting = await v.client.get(sent.headers["Location"])
        assert "on its way" in waiting.text
        assert 'http-equiv="refresh"' in waiting.text
        assert waiting.headers["Cache-Control"] == "no-store"
        await v.run_jobs()
        done = await v.client.get(sent.headers["Location"])
        assert "was sent" in done.text
        assert 'http-equiv="refresh"' not in done.text
        assert f"http://127.0.0.1:4000/campaigns/{campaign['slug']}" in done.text
        assert "<svg" in done.text


async def test_a_slash_at_the_end_leads_to_the_list(visit):
    async with visit() as v:
        response = await v.client.get("/campaigns/")
        assert (response.status_code, response.headers["Location"]) == (308, "/campaigns")


async def test_a_representative_without_an_address_is_shown_with_their_telephone(visit):
    async with visit() as v:
        campaign = await v.campaign()
        page = await v.look_up(campaign, "l5g 4l3")
        assert "Riley Sample" in page.text
        assert 'href="tel:+19055550130"' in page.text
        assert page.headers["Cache-Control"] == "private, no-cache"


async def test_only_targeted_representatives_are_shown(visit):
    async with visit() as v:
        campaign = await v.campaign(target_government_levels=["PROVINCIAL"])
        page = await v.look_up(campaign, "l5g 4l3")
        assert "Jordan Okafor-Sample" in page.text
        assert "Avery Tremblay-Sample" not in page.text


async def test_the_mailto_message_is_filled_in(visit):
    async with visit() as v:
        campaign = await v.campaign()
        page = await v.look_up(campaign, "l5g 4l3")
        assert "Dear%20Avery%20Tremblay-Sample" in page.text
        assert "%7Brecipient_name%7D" not in page.text
        await v.change(campaign["id"], allow_mailto_link=False)
        page = await v.look_up(campaign, "l5g 4l3")
        assert "mailto:" not in page.text


async def test_a_message_that_is_too_long_for_a_link_is_there_to_copy(visit):
    async with visit() as v:
        body = "Dear {recipient_name},\n\n" + "Please <act>. " * 500
        campaign = await v.campaign(email_body=body)
        page = await v.look_up(campaign, "l5g 4l3")
        assert "body=" not in page.text
        links = re.findall(r'href="(mailto:[^"]+)"', page.text)
        assert links
        assert max(map(len, links)) <= 1_800
        letters = re.findall(
            r"<textarea[^>]* readonly [^>]*>\n(.*?)</textarea>", page.text, re.DOTALL
        )
        assert len(letters) == len(links)
        assert any(
            html.unescape(letter) == body.replace("{recipient_name}", "Avery Tremblay-Sample")
            for letter in letters
        )
        assert "influence/copy." in page.text
        french = await v.look_up(campaign, "l5g 4l3", headers={"Accept-Language": "fr"})
        assert "Il est trop long pour le lien" in french.text


async def test_a_rejected_form_keeps_its_values_and_shows_errors(visit):
    async with visit() as v:
        campaign = await v.campaign()
        keys = await keys_of(v, campaign)
        chosen = keys["Jordan Okafor-Sample"]
        response = await post(v, campaign, recipients=[chosen], sender_email="nobody", consent="")
        assert response.status_code == 422
        assert 'value="Sacha Supporter"' in response.text
        assert re.search(rf'value="{chosen}" checked', response.text)
        assert 'aria-invalid="true"' in response.text
        assert "Please check this box" in response.text
        nobody = await post(v, campaign)
        assert nobody.status_code == 422
        assert "Choose at least one person" in nobody.text
        stranger = await post(v, campaign, recipients=["0123456789abcdef"])
        assert "not one of your representatives" in stranger.text
        assert await v.site.db.read(lambda: CampaignEmail.select().count()) == 0


@pytest.mark.parametrize(
    "fields", [{"sender_name": "A\nBcc: b@example.org"}, {"website": "http://spam.example"}]
)
async def test_injections_and_robots_are_refused(visit, fields):
    async with visit() as v:
        campaign = await v.campaign()
        keys = await keys_of(v, campaign)
        response = await post(v, campaign, recipients=list(keys.values()), **fields)
        assert response.status_code == 422
        assert await v.site.db.read(lambda: CampaignEmail.select().count()) == 0


async def test_an_edited_message_is_sent_where_the_campaign_allows_it(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        keys = await keys_of(v, campaign)
        mine = {"subject": "Mine", "body": "Hello {recipient_name}\r\nBye"}
        await post(v, campaign, recipients=[keys["Casey Sample"]], **mine)
        row = await v.site.db.read(CampaignEmail.get)
        assert (row.subject, row.body) == ("Mine", "Hello Casey Sample\nBye")
        emptied = await post(v, campaign, recipients=[keys["Casey Sample"]], subject=" ", body="")
        assert emptied.status_code == 422
        assert "Write your message." in emptied.text
        assert "Write a subject." in emptied.text
        # What was emptied stays empty: the organiser's text does not come back.
        assert re.search(r"<textarea[^>]*>\s*</textarea>", emptied.text)
        unknown = await post(
            v, campaign, recipients=[keys["Casey Sample"]], **mine | {"body": "{x}"}
        )
        assert (unknown.status_code, "in place of {x}" in unknown.text) == (422, True)
        await v.change(campaign["id"], allow_email_editing=False)
        await post(v, campaign, recipients=[keys["Avery Tremblay-Sample"]], **mine)
        rows = await v.site.db.read(lambda: [row.subject for row in CampaignEmail.select()])
        assert sorted(rows) == ["Clean water", "Mine"]


async def test_what_is_known_is_filled_in_before_the_message_is_read(visit):
    async with visit() as v:
        body = "Dear {recipient_name}, I live in {postal_code}. {sender_name}"
        campaign = await v.campaign(
            allow_email_editing=True, email_body=body, target_government_levels=["FEDERAL"]
        )
        page = await v.look_up(campaign, "l5g 4l3")
        assert (
            "Dear Avery Tremblay-Sample, I live in L5G 4L3. {sender_name}</textarea>" in page.text
        )
        await v.change(campaign["id"], target_government_levels=["FEDERAL", "PROVINCIAL"])
        page = await v.look_up(campaign, "l5g 4l3")
        assert "Dear {recipient_name}, I live in L5G 4L3. {sender_name}</textarea>" in page.text


async def test_a_message_is_read_as_it_will_be_sent(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        keys = await keys_of(v, campaign)
        chosen = [keys["Avery Tremblay-Sample"], keys["Casey Sample"]]
        mine = {"subject": "To {recipient_name}", "body": "Dear {{recipient_name}},\nI am < 5 km."}
        shown = await post(v, campaign, recipients=chosen, **mine, preview="1", consent="")
        assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
        assert await v.site.db.read(lambda: CampaignEmail.select().count()) == 0
        letters = shown.text.partition('id="letters"')[2].partition("</section>")[0]
        assert "Dear Casey Sample,\nI am &lt; 5 km." in letters
        assert f">{mine['body'].replace('<', '&lt;')}</textarea>" in shown.text.replace(">\n", ">")
        await post(v, campaign, recipients=chosen, **mine)
        await v.run_jobs()
        for each in v.site.mail.messages():
            mail = v.site.mail.read(each.id)
            assert html.escape(mail["Subject"]) in letters
            for paragraph in mail.get_body(("plain",)).get_content().strip().split("\n\n"):
                assert html.escape(paragraph.strip(), quote=False) in letters.replace("&#34;", '"')
        wrong = await post(v, campaign, recipients=chosen, subject="Hi", body="", preview="1")
        assert (wrong.status_code, 'id="letters"' in wrong.text) == (422, False)


async def test_nobody_signs_a_message_that_was_changed_while_they_read_it(visit):
    async with visit() as v:
        campaign = await v.campaign()
        keys = await keys_of(v, campaign)
        chosen = [keys["Casey Sample"]]
        page = await v.look_up(campaign, "l5g 4l3")
        shown = re.search(r'name="shown" value="(\w+)"', page.text)[1]
        await v.change(campaign["id"], email_body="Dear {recipient_name}, the opposite.")
        refused = await post(v, campaign, recipients=chosen, shown=shown)
        assert refused.status_code == 422
        assert "changed after you opened" in refused.text
        again = re.search(r'name="shown" value="(\w+)"', refused.text)[1]
        assert (await post(v, campaign, recipients=chosen, shown=again)).status_code == 303


async def test_custom_recipients_can_be_chosen(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_custom_recipients=True)
        path = f"/api/campaigns/{campaign['id']}/recipients"
        chair = {"name": "The Chair", "email": "chair@company.example", "title": "CEO"}
        await v.organise("POST", path, json=chair)
        keys = await keys_of(v, campaign)
        response = await post(v, campaign, recipients=[keys["The Chair"]])
        assert response.status_code == 303
        row = await v.site.db.read(CampaignEmail.get)
        assert row.recipient_email == "chair@company.example"


async def test_a_closed_campaign_says_why(visit):
    async with visit() as v:
        draft = await v.campaign(status="DRAFT")
        assert (await v.client.get(f"/campaigns/{draft['slug']}")).status_code == 404
        campaign = await v.campaign()
        await v.change(campaign["id"], status="PAUSED")
        page = await v.client.get(f"/campaigns/{campaign['slug']}")
        assert (page.status_code, "is paused" in page.text) == (200, True)
        assert (await post(v, campaign, recipients=["x"])).status_code == 409
        await v.change(campaign["id"], status="ARCHIVED")
        assert "has ended" in (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        soon = (v.clock() + timedelta(days=1)).isoformat()
        later = await v.campaign(starts_at=soon)
        assert "has not started" in (await v.client.get(f"/campaigns/{later['slug']}")).text


async def test_too_many_messages_say_so_on_the_page(visit):
    async with visit(send_limit_per_hour=1) as v:
        campaign = await v.campaign()
        keys = await keys_of(v, campaign)
        one = [keys["Avery Tremblay-Sample"]]
        assert (await post(v, campaign, recipients=one)).status_code == 303
        refused = await post(v, campaign, recipients=one)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 3500
        assert "many messages in the last hour" in refused.text


async def test_pages_are_in_the_readers_language(visit):
    async with visit() as v:
        campaign = await v.campaign()
        for language in ("fr", "en"):
            headers = {"Accept-Language": language}
            listed = await v.client.get("/campaigns", headers=headers)
            looked_up = await v.look_up(campaign, "l5g 4l3", headers=headers)
            for page in (listed, looked_up):
                assert f'<html lang="{language}"' in page.text


async def test_nothing_that_was_typed_becomes_markup(visit):
    async with visit() as v:
        evil = "<script>alert(1)</script>"
        campaign = await v.campaign(
            title=evil, description=evil, email_body=evil, call_to_action=evil, email_subject=evil
        )
        responses = [
            await v.client.get("/campaigns"),
            await v.look_up(campaign, evil),
            await post(v, campaign, sender_name=evil, sender_email=evil, postal_code=evil),
        ]
        assert [response.status_code for response in responses] == [200, 200, 422]
        for response in responses:
            assert "<script>alert" not in response.text


def step_of(page):
    """The number of the step that is on."""
    steps = re.findall(r'<li class="(past|now|next)"', page.text)
    return steps.index("now") + 1


async def test_the_first_step_is_done_once_somebody_was_found(visit):
    """(!) Also where the campaign has recipients of its own, whom everybody may write to."""
    async with visit() as v:
        campaign = await v.campaign(allow_custom_recipients=True)
        chair = {"name": "The Chair", "email": "chair@company.example", "title": "CEO"}
        await v.organise("POST", f"/api/campaigns/{campaign['id']}/recipients", json=chair)
        path = f"/campaigns/{campaign['slug']}"
        assert step_of(await v.client.get(path)) == 1
        empty = await v.look_up(campaign, " ")
        assert step_of(empty) == 1
        assert "Enter your postal code." in empty.text
        assert 'aria-invalid="true"' in empty.text
        assert "Check the code" not in empty.text
        assert "Enter your postal code." not in (await v.client.get(path)).text
        assert step_of(await v.look_up(campaign, "L5G4L3")) == 2


async def test_a_postal_code_is_in_no_address(visit):
    """(!) Addresses are logged by proxies, stored in histories, and shared: what is shared is the
    campaign, and the page that everybody gets comes from the cache as before."""
    async with visit() as v:
        campaign = await v.campaign()
        path = f"/campaigns/{campaign['slug']}"
        plain = await v.client.get(path)
        page = await v.look_up(campaign, "l5g 4l3")
        assert (page.status_code, page.url.path, page.url.query) == (200, path, b"")
        assert "Avery" in page.text
        assert page.headers["Cache-Control"] == "private, no-cache"
        for text in (plain.text, page.text):
            assert re.search(r'<form class="postal-code" method="post"', text)
        addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page.text)
        sent_on = [each for each in addresses if not each.startswith("mailto:")]
        assert not any("L5G" in unquote(each).upper() for each in sent_on)
        assert (await v.client.get(path)).text == plain.text
        assert "Avery" not in (await v.client.get(f"{path}?postal_code=L5G4L3")).text
        long = await v.look_up(campaign, "x" * 200)
        assert (long.status_code, step_of(long)) == (422, 1)
        refused = await v.client.get("/api/public/representatives?postal_code=L5G4L3")
        assert refused.status_code == 405


async def test_what_is_left_to_fill_in_is_in_the_letters_language(visit):
    async with visit() as v:
        campaign = await v.campaign(
            language="fr",
            allow_email_editing=True,
            email_body="Bonjour {recipient_name} de {{ code_postal }},\n\n{sender_name}",
        )
        page = await v.look_up(campaign, "L5G4L3")
        assert "Bonjour {nom_du_destinataire} de L5G 4L3,\n\n{votre_nom}" in page.text
        assert "such as {nom_du_destinataire}, are filled in" in page.text
        (jordan,) = [key for name, key in (await keys_of(v, campaign)).items() if "Jordan" in name]
        body = re.search(r'<textarea id="body"[^>]*>\n?(.*?)</textarea>', page.text, re.DOTALL)[1]
        sent = await post(v, campaign, recipients=[jordan], subject="Eau", body=html.unescape(body))
        assert sent.status_code == 303
        (row,) = await v.site.db.read(lambda: list(CampaignEmail.select()))
        assert row.body == "Bonjour Jordan Okafor-Sample de L5G 4L3,\n\nSacha Supporter"
