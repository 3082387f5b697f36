"""Who receives a letter: all people behind one mailbox, and recipients who need no postal code."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.representatives import representative
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.recipients import joined, shortened

pytestmark = pytest.mark.database("sqlite")

FOLDER = str(Path(__file__).parents[1] / "data" / "folder")
COUNCIL = "council@town.example.ca"
THREE = ["Mayor One", "Councillor Two", "Councillor Three"]
CHAIR = {"name": "The Chair", "email": "chair@company.example", "title": "CEO"}
UNTARGETED = {"target_government_levels": [], "allow_custom_recipients": True}
CAMPAIGNS = {"own alone": UNTARGETED, "own and elected": {"allow_custom_recipients": True}}
#: Of another country, of no one, mistyped, and none.
CODES = ["SW1A 1AA", "X0A 0H0", "L5G", ""]


@pytest.fixture
def campaign_with_chair(visit):
    """Of an open visit: a campaign with a recipient of its own, and that recipient's key."""

    async def make(v, **fields):
        campaign = await v.campaign(**fields)
        made = await v.organise("POST", f"/api/campaigns/{campaign['id']}/recipients", json=CHAIR)
        return campaign, made.json()["id"]

    return make


async def ledger(v):
    return await v.site.db.read(lambda: list(CampaignEmail.select().order_by(CampaignEmail.id)))


@pytest.mark.parametrize(("language", "last"), [("en", "and"), ("fr", "et")])
async def test_one_letter_goes_to_a_mailbox_and_names_all_people_behind_it(visit, language, last):
    names = f"Mayor One, Councillor Two {last} Councillor Three"
    async with visit(directory_file=FOLDER) as v:
        campaign = await v.campaign(language=language)
        sent = await v.send(campaign, postal_code="N0G 2W0", recipient_emails=[COUNCIL])
        assert sent.status_code == 202, sent.text
        (email,) = sent.json()["emails"]
        assert (email["recipient_name"], email["recipient_names"]) == (names, THREE)
        await v.run_jobs()
        (row,) = await ledger(v)
        assert (row.status, row.recipient_name, row.recipient_email) == ("SENT", names, COUNCIL)
        assert row.recipient_office == "Mayor, Councillor"
        assert row.body.startswith(f"Dear {names},")


async def test_the_page_offers_one_mailbox_as_one_choice_and_says_so(visit):
    async with visit(directory_file=FOLDER) as v:
        campaign = await v.campaign()
        address = f"/campaigns/{campaign['slug']}"
        page = (await v.look_up(campaign, "N0G2W0")).text
        boxes = re.findall(r'name="recipients"[^>]*value="(\w+)"(.*?)</label>', page, re.DOTALL)
        names = [re.findall(r'person-name">([^<]+)<', html.unescape(box)) for _, box in boxes]
        assert sorted(names, key=len) == [["Mona O'Brien-D\u2019Arcy"], THREE]
        assert page.count("They share an address") == 1
        assert 'href="tel:+15195550100,231"' in page
        key = next(key for (key, _), behind in zip(boxes, names, strict=True) if behind == THREE)
        typed = {"sender_name": "Sacha", "sender_email": "sacha@example.org", "consent": "on"}
        sent = await v.client.post(
            address, data={**typed, "postal_code": "N0G 2W0", "recipients": [key]}
        )
        assert sent.status_code == 303, sent.text
        status = (await v.client.get(sent.headers["Location"])).text
        assert "Mayor One, Councillor Two and Councillor Three" in status


async def test_each_of_the_people_behind_a_mailbox_stands_for_all(visit):
    async with visit(directory_file=FOLDER) as v:
        campaign = await v.campaign()
        second = representative(
            name="Councillor Two",
            elected_office="Councillor",
            email=COUNCIL,
            district_name="Ward 1",
        )
        sent = await v.send(
            campaign, postal_code="N0G 2W0", recipient_emails=[], recipient_keys=[second.key]
        )
        assert sent.json()["emails"][0]["recipient_names"] == THREE


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", CAMPAIGNS)
async def test_a_campaigns_own_recipients_need_no_directory(
    visit, represent, campaign_with_chair, kind, code
):
    represent.behaviour = "not_found"
    async with visit(directory="represent", represent_url=represent.url) as v:
        campaign, chair = await campaign_with_chair(v, **CAMPAIGNS[kind])
        own = {"recipient_emails": [], "recipient_keys": [chair]}
        sent = await v.send(campaign, postal_code=code, **own)
        assert sent.status_code == 202, sent.text
        by_page = {"sender_name": "Kim", "sender_email": "kim@example.org", "consent": "on"}
        page = await v.client.post(
            f"/campaigns/{campaign['slug']}",
            data={**by_page, "postal_code": code, "recipients": [chair]},
        )
        assert page.status_code == 303, page.text
        assert represent.codes == []
        await v.run_jobs()
        assert [(row.status, row.postal_code) for row in await ledger(v)] == [("SENT", code)] * 2


async def test_who_is_elected_is_found_by_a_postal_code(visit, campaign_with_chair):
    async with visit() as v:
        campaign, chair = await campaign_with_chair(v, allow_custom_recipients=True)
        refused = await v.send(campaign, postal_code="")
        assert refused.status_code == 422
        assert [each["field"] for each in refused.json()["errors"]] == ["postal_code"]
        both = await v.send(campaign, recipient_keys=[chair])
        assert [each["recipient_name"] for each in both.json()["emails"]] == [
            "Avery Tremblay-Sample",
            "The Chair",
        ]


async def test_a_message_that_mentions_the_postal_code_needs_one(visit, campaign_with_chair):
    async with visit() as v:
        text = "Dear {recipient_name}, I live at {postal_code}."
        campaign, chair = await campaign_with_chair(v, email_body=text, **UNTARGETED)
        own = {"recipient_emails": [], "recipient_keys": [chair]}
        refused = await v.send(campaign, postal_code=" ", **own)
        assert [each["field"] for each in refused.json()["errors"]] == ["postal_code"]
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert 'id="postal_code"' in page
        assert (await v.send(campaign, postal_code="75001 Paris", **own)).status_code == 202
        (row,) = await ledger(v)
        assert row.body == "Dear The Chair, I live at 75001 Paris."


async def test_a_campaign_of_its_own_recipients_asks_for_no_postal_code(visit, campaign_with_chair):
    async with visit() as v:
        campaign, chair = await campaign_with_chair(v, call_to_action="Write now", **UNTARGETED)
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert "find-postal-code" not in page
        assert chair in page
        assert "Write now" in page
        assert "Your name and email address are added" in page


@pytest.mark.parametrize(
    ("locale", "site", "words"),
    [
        ("en", "https://www.ourcommons.ca/members/en/search", "wherever you live"),
        ("fr", "https://www.noscommunes.ca/members/fr/search", "que vous habitiez"),
    ],
)
async def test_an_unknown_code_has_a_next_step(visit, campaign_with_chair, locale, site, words):
    async with visit(directory_file=FOLDER) as v:
        campaign, chair = await campaign_with_chair(v, allow_custom_recipients=True)
        response = await v.look_up(
            campaign,
            "X0A0H0",
            headers={"Accept-Language": locale},
        )
        assert f'href="{site}"' in response.text
        assert words in response.text
        assert f'value="{chair}"' in response.text
        await v.change(campaign["id"], allow_custom_recipients=False)
        page = await v.look_up(
            campaign,
            "X0A0H0",
            headers={"Accept-Language": locale},
        )
        assert f'href="{site}"' in page.text
        assert words not in page.text


async def test_an_error_elsewhere_does_not_complain_of_another_countrys_code(
    visit, campaign_with_chair
):
    async with visit() as v:
        campaign, chair = await campaign_with_chair(v, allow_custom_recipients=True)
        typed = {"sender_name": "Kim", "sender_email": "kim@example.org", "recipients": [chair]}
        address = f"/campaigns/{campaign['slug']}"
        page = await v.client.post(address, data={**typed, "postal_code": "SW1A 1AA"})
        assert page.status_code == 422
        assert "Please check this box" in page.text
        assert "Canadian postal code" not in page.text
        assert 'name="postal_code" value="SW1A 1AA"' in page.text


@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=12))
def test_a_label_fits_and_names_as_many_as_it_can(names):
    whole = ", ".join(names)
    label = shortened(names, whole)
    assert len(label) <= 200
    if len(whole) > 200 and len(names) > 1:
        assert label.endswith(", …")
        shown = label.removesuffix(", …")
        assert whole.startswith(shown)
        following = whole[len(shown) :].removeprefix(", ").partition(", ")[0]
        assert len(shown) + len(following) > 200 - 2 * len(", …")
    else:
        assert label == whole[:200]
    assert len(joined(names, "en")) <= 200
