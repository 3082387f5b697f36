"""One letter: its history in words, and what an organiser can do about it."""

from __future__ import annotations

import asyncio

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.features.privacy import api as privacy
from changemaker_core.jobs import hold_queue
from changemaker_core.testing import as_role
from changemaker_influence.emails import services as emails
from changemaker_influence.emails.models import CampaignEmail, EmailTry

pytestmark = pytest.mark.database("sqlite")


async def written(v, **changes):
    """The id of a letter of a campaign, and the campaign."""
    campaign = await v.campaign(**changes.pop("campaign", {}))
    response = await v.send(campaign, **changes)
    assert response.status_code == 202, response.text
    return response.json()["emails"][0]["id"], campaign


async def status_of(v, id):
    return (await v.site.db.read(lambda: CampaignEmail.get_by_id(id))).status


async def test_a_letter_that_failed_is_sent_again(visit):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "INFLUENCE_ADMIN") as browser:
        id, _ = await written(v)
        await v.site.db.write(emails.requeue, id, "451 4.3.0 try later")
        await v.site.db.write(emails.mark_failed, id, "550 5.1.1 <b>no such user</b>")
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "There is no such mailbox." in page
        assert "550 5.1.1 &lt;b&gt;no such user&lt;/b&gt;" in page
        assert "451 4.3.0 try later" in page
        assert "I agree that my name, email address and postal code" in page
        sent = await browser.submit(f"/admin/letters/{id}/retry", page=f"/admin/letters/{id}")
        assert sent.headers["location"] == f"/admin/letters/{id}"
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "The letter is sent again." in page
        assert "by Sam Sample" in page
        await v.run_jobs()
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "Sent: the mail server accepted it" in page
        assert "Send again" not in page


async def test_a_letter_that_waits_is_cancelled_once(visit):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "INFLUENCE_ADMIN") as browser:
        id, _ = await written(v)
        path = f"/admin/letters/{id}/cancel"
        done = await browser.submit(path)
        assert done.status_code == 303
        assert await status_of(v, id) == "CANCELLED"
        assert "It is not sent." in (await browser.get(done.headers["location"])).text
        await v.site.db.write(
            lambda tx: CampaignEmail.update(status="SENT").where(CampaignEmail.id == id).execute()
        )
        await browser.submit(path)
        assert "This message was sent." in (await browser.get(f"/admin/letters/{id}")).text


@pytest.mark.parametrize(("outcome", "status"), [("sent", "SENT"), ("not_sent", "FAILED")])
async def test_a_letter_of_unknown_outcome_is_settled(visit, outcome, status):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "INFLUENCE_ADMIN") as browser:
        id, _ = await written(v)
        await v.site.db.write(emails.mark_sending, id, "<m@x>", "key")
        await v.site.db.write(emails.mark_unknown, id)
        path, settle = f"/admin/letters/{id}", f"/admin/letters/{id}/settle"
        assert "It may have arrived, or not." in (await browser.get(path)).text
        nothing = await browser.submit(settle, page=path)
        assert nothing.status_code == 422
        assert "Please fix these" in nothing.text
        await browser.submit(settle, {"outcome": outcome}, page=path)
        assert await status_of(v, id) == status
        page = (await browser.get(path)).text
        assert "by Sam Sample" in page
        assert ("Settled: it was sent" in page) == (outcome == "sent")


async def test_a_letter_says_why_it_waits(visit):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "INFLUENCE_ADMIN") as browser:
        id, _ = await written(v)
        assert "Next try" in (await browser.get(f"/admin/letters/{id}")).text
        await v.site.db.write(hold_queue, "mail", "operator", "moving")
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "All mail is held." in page
        assert "All mail was held" in page
        assert "Next try" not in page


async def test_what_the_sender_changed_is_shown(visit):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "INFLUENCE_ADMIN") as browser:
        editable = {"allow_email_editing": True}
        body = "Dear {recipient_name},\n\nplease act on <i>safe</i> water.\n\n{sender_name}\n"
        id, campaign = await written(v, campaign=editable, body=body)
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "In the sender&#39;s own words" in page
        assert "<del>clean</del>" in page
        assert "<i>safe</i>" not in page
        same = await v.send(campaign, sender_email="kim@example.org")
        page = (await browser.get(f"/admin/letters/{same.json()['emails'][0]['id']}")).text
        assert "unchanged" in page


async def test_letters_are_shown_to_the_organisers_of_their_campaign(visit):
    async with visit(plugins=(AdminPlugin,)) as v:
        id, campaign = await written(v)
        other = await v.campaign(title="Another")
        own, others = ("influence.campaign", campaign["id"]), ("influence.campaign", other["id"])
        path = f"/admin/letters/{id}"
        async with as_role(v.app, "INFLUENCE_ADMIN", on=own) as browser:
            assert (await browser.get(path)).status_code == 200
        async with as_role(v.app, "INFLUENCE_ADMIN", on=others) as browser:
            for page in (path, f"{path}/cancel"):
                assert (await browser.get(page)).status_code in (403, 404)
            for act in ("retry", "cancel", "settle"):
                refused = await browser.post(f"{path}/{act}", data={"outcome": "sent"})
                assert refused.status_code in (403, 404)
        assert await status_of(v, id) == "QUEUED"


async def test_a_letter_whose_sender_is_erased_offers_nothing(visit):
    async with visit(plugins=(AdminPlugin,)) as v, as_role(v.app, "SUPER_ADMIN") as browser:
        id, _ = await written(v)
        await v.site.db.write(emails.mark_failed, id, "550 5.1.1 sacha@example.org")
        erase = {"sender_email": "", "sender_name": "", "body": "", "subject": ""}
        await v.site.db.write(
            lambda tx: CampaignEmail.update(**erase).where(CampaignEmail.id == id).execute()
        )
        page = (await browser.get(f"/admin/letters/{id}")).text
        assert "Send again" not in page
        assert "Made anonymous" in page


async def test_the_tries_of_a_letter_go_with_its_sender(visit):
    async with visit() as v:
        id, _ = await written(v)
        await v.site.db.write(emails.mark_sending, id, "<m@x>", "key")
        await v.site.db.write(emails.mark_unknown, id)

        def erase():
            person = privacy.find_person(v.site, ["sacha@example.org"])
            (letters,) = [
                each.rows
                for each in privacy.held_about(v.site, person)
                if each.kind.name == "influence.letters"
            ]
            assert [each["outcome"] for each in letters[0]["tries"]] == ["UNKNOWN"]
            privacy.erase(v.site, person)

        await asyncio.to_thread(erase)
        assert await v.site.db.read(lambda: EmailTry.select().count()) == 0
