"""Writing to one's representatives over the API."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import re
import zipfile
from datetime import timedelta

import pytest

from changemaker_influence.emails import consent, idempotency
from changemaker_influence.emails.models import CampaignEmail

AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"
WARD = "ward1@mississauga.example.ca"


def fields(response):
    """The fields that a 422 is about."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    return {error["field"] for error in response.json()["errors"]}


async def ledger(v):
    """Every row of the ledger."""
    return await v.site.db.read(lambda: list(CampaignEmail.select().order_by(CampaignEmail.id)))


async def test_a_message_is_accepted_and_sent(visit):
    async with visit() as v:
        campaign = await v.campaign()
        response = await v.send(campaign)
        assert response.status_code == 202, response.text
        (email,) = response.json()["emails"]
        assert email["recipient_name"] == "Avery Tremblay-Sample"
        assert email["status"] == "QUEUED"
        assert await v.metric("cm_email_queue_depth") == 1
        assert await v.run_jobs() == 1
        status = (await v.client.get(email["status_url"])).json()
        assert status == {
            "id": email["id"],
            "status": "SENT",
            "send_after": None,
            "sent_at": status["sent_at"],
        }
        assert status["sent_at"] is not None
        assert await v.metric("cm_emails_sent_total") == 1
        assert await v.metric("cm_emails_failed_total") == 0
        assert await v.metric("cm_email_queue_depth") == 0


async def test_several_recipients_are_several_messages(visit):
    async with visit() as v:
        campaign = await v.campaign()
        response = await v.send(campaign, recipient_emails=[JORDAN, AVERY.upper(), WARD, AVERY])
        names = [each["recipient_name"] for each in response.json()["emails"]]
        assert names == ["Jordan Okafor-Sample", "Avery Tremblay-Sample", "Casey Sample"]
        assert await v.run_jobs() == 3
        assert len(v.site.mail.messages()) == 3


#: A wording that was used stays as it is, in each language: rows name it by its version.
WORDINGS = {
    ("1", "en"): "5819b176c3882c3a",
    ("1", "fr"): "170a94361998dbcb",
    ("2", "en"): "b1a18aecbb17fc24",
    ("2", "fr"): "590f10f285762e95",
}


async def test_a_wording_that_was_agreed_to_is_never_changed(visit):
    """(!) A changed wording fails here: give it a new version, and add its line."""
    async with visit() as v:
        translate = v.site.translations.translate
        now = {
            (version, language): hashlib.sha256(translate(text, language).encode()).hexdigest()[:16]
            for version, text in consent.WORDINGS.items()
            for language in ("en", "fr")
        }
    assert now == WORDINGS


async def test_the_consent_names_a_postal_code_only_where_one_is_given(visit):
    """(!) What the page shows is what the row stores."""
    async with visit() as v:
        levels = {"target_government_levels": [], "allow_custom_recipients": True}
        campaign = await v.campaign(**levels, email_body="Dear {recipient_name}")
        chair = {"name": "The Chair", "email": "chair@company.example"}
        await v.organise("POST", f"/api/campaigns/{campaign['id']}/recipients", json=chair)
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert "my name and email address are sent" in page
        assert "postal code are sent" not in page
        key = re.search(r'name="recipients"[^>]*value="([^"]+)"', page)[1]
        sent = await v.send(campaign, postal_code="", recipient_emails=[], recipient_keys=[key])
        assert sent.status_code == 202, sent.text
        (row,) = await ledger(v)
        assert (row.consent_version, row.postal_code) == ("2", "")
        assert "postal code" not in row.consent_text
        mentioned = await v.campaign(**levels, email_body="I live in {postal_code}")
        await v.organise("POST", f"/api/campaigns/{mentioned['id']}/recipients", json=chair)
        page = (await v.client.get(f"/campaigns/{mentioned['slug']}")).text
        assert "email address and postal code are sent" in page


async def test_the_row_stores_the_consent(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign, headers={"Accept-Language": "fr"})
        (row,) = await ledger(v)
        assert row.consent_version == "1"
        assert row.consent_language == "fr"
        assert row.consent_text == v.site.translations.translate(consent.WORDINGS["1"], "fr")
        assert abs(row.consented_at - v.clock()) < timedelta(minutes=1)
        assert row.subject == "Clean water"
        assert row.body == (
            "Dear Avery Tremblay-Sample,\n\nplease act on clean water.\n\nSacha Supporter"
        )
        assert row.recipient_level == "FEDERAL"
        assert row.postal_code == "L5G 4L3"


async def test_a_recipient_who_does_not_represent_the_sender_is_refused(visit):
    async with visit() as v:
        campaign = await v.campaign()
        strangers = ["sam.sample@parl.example.ca", "anybody@example.org", "sacha@example.org"]
        for stranger in strangers:
            response = await v.send(campaign, recipient_emails=[AVERY, stranger])
            assert fields(response) == {"recipient_emails[1]"}
        assert await ledger(v) == []


async def test_a_representative_of_another_level_is_refused(visit):
    async with visit() as v:
        campaign = await v.campaign(target_government_levels=["PROVINCIAL"])
        assert fields(await v.send(campaign)) == {"recipient_emails[0]"}
        assert (await v.send(campaign, recipient_emails=[JORDAN])).status_code == 202


async def test_custom_recipients_are_written_to_without_showing_their_address(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_custom_recipients=True)
        path = f"/api/campaigns/{campaign['id']}/recipients"
        chair = {"name": "The Chair", "email": "Chair@Company.example", "title": "CEO"}
        assert (await v.organise("POST", path, json=chair)).status_code == 201
        assert (await v.organise("POST", path, json=chair)).status_code == 409
        public = await v.client.get(f"/api/public/campaigns/{campaign['slug']}")
        assert "company.example" not in public.text
        (shown,) = public.json()["custom_recipients"]
        by_key = await v.send(campaign, recipient_emails=[], recipient_keys=[shown["key"]])
        assert by_key.json()["emails"][0]["recipient_name"] == "The Chair"
        assert [row.recipient_email for row in await ledger(v)] == ["chair@company.example"]
        await v.change(campaign["id"], allow_custom_recipients=False)
        refused = await v.send(campaign, recipient_emails=[], recipient_keys=[shown["key"]])
        assert fields(refused) == {"recipient_keys[0]"}


async def test_an_address_that_is_not_public_cannot_be_found_out_by_trying(visit):
    async with visit(send_limit_per_hour=3) as v:
        campaign = await v.campaign(allow_custom_recipients=True)
        path = f"/api/campaigns/{campaign['id']}/recipients"
        await v.organise("POST", path, json={"name": "Chair", "email": "chair@company.example"})
        tried = [
            await v.send(campaign, recipient_emails=[f"{name}@company.example"], postal_code="")
            for name in ("office", "chair", "info", "chair", "nobody")
        ]
        assert [response.status_code for response in tried] == [422, 202, 422, 429, 429]
        assert tried[3].json()["detail"] == tried[4].json()["detail"]


async def test_nor_beside_addresses_that_are_public(visit):
    async with visit(send_limit_per_hour=3) as v:
        campaign = await v.campaign(allow_custom_recipients=True)
        path = f"/api/campaigns/{campaign['id']}/recipients"
        await v.organise("POST", path, json={"name": "Chair", "email": "chair@company.example"})
        public = [AVERY] * 3
        wrong = [await v.send(campaign, recipient_emails=[*public, "x@x.example"]) for _ in "1234"]
        assert [response.status_code for response in wrong] == [422, 422, 422, 429]
        right = await v.send(campaign, recipient_emails=[*public, "chair@company.example"])
        assert right.status_code == 429


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sender_name": "Sacha\r\nBcc: everybody@example.org"}, "sender_name"),
        ({"sender_name": "Sacha\u2028Bcc: everybody@example.org"}, "sender_name"),
        ({"subject": "Water\nBcc: everybody@example.org"}, "subject"),
        ({"subject": "Water\r\n\r\n<script>"}, "subject"),
        ({"sender_email": "a@example.org\nBcc: b@example.org"}, "sender_email"),
        ({"sender_email": "a@example.org, b@example.org"}, "sender_email"),
        ({"sender_email": "nobody"}, "sender_email"),
        ({"sender_name": ""}, "sender_name"),
        ({"sender_name": " \u2003"}, "sender_name"),
        ({"sender_name": "x" * 201}, "sender_name"),
        ({"postal_code": "90210"}, "postal_code"),
        ({"consent": False}, "consent"),
        ({"recipient_emails": []}, "recipient_keys"),
        ({"recipient_keys": ["nobody"]}, "recipient_keys[0]"),
        ({"body": ""}, "body"),
        ({"body": " \n\u00a0"}, "body"),
        ({"body": "\u200b\u3164\n"}, "body"),
        ({"body": None}, "body"),
        ({"subject": " "}, "subject"),
        ({"subject": None}, "subject"),
        ({"body": "I live in {{your town}}."}, "body"),
        ({"subject": "From {prénom}"}, "subject"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_invalid_requests_are_refused(visit, changes, field):
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        message = {"subject": "Water", "body": "Please act.", **changes}
        assert fields(await v.send(campaign, **message)) == {field}
        assert await ledger(v) == []


async def test_the_message_is_changed_only_where_the_campaign_allows_it(visit):
    async with visit() as v:
        fixed = await v.campaign()
        changed = {"subject": "My own", "body": "To {recipient_name}: {postal_code}"}
        assert fields(await v.send(fixed, **changed)) == {"subject", "body"}
        same = {"subject": fixed["email_subject"], "body": fixed["email_body"]}
        assert (await v.send(fixed, **same)).status_code == 202
        free = await v.campaign(allow_email_editing=True)
        assert (await v.send(free, **changed)).status_code == 202
        _, row = await ledger(v)
        assert (row.subject, row.body) == ("My own", "To Avery Tremblay-Sample: L5G 4L3")


async def test_what_was_emptied_is_never_the_organisers_text(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        assert (await v.send(campaign)).status_code == 202  # neither was shown nor sent
        refused = await v.send(campaign, subject="", body="")
        assert {each["message"] for each in refused.json()["errors"]} == {
            "Write a subject.",
            "Write your message.",
        }
        refused = await v.send(campaign, subject="Water", body="In {{your town}} and {prénom}")
        (error,) = refused.json()["errors"]
        assert error["message"] == "Write your own words in place of {{your town}}, {prénom}."


async def test_a_subject_may_grow_with_what_is_filled_in(visit):
    async with visit() as v:
        campaign = await v.campaign(email_subject="{sender_name}" * 4)
        assert (await v.send(campaign, sender_name="N" * 200)).status_code == 202
        await v.run_jobs()
        (row,) = await ledger(v)
        assert (row.status, len(row.subject)) == ("SENT", 800)


async def test_only_an_open_campaign_accepts_messages(visit):
    async with visit() as v:
        draft = await v.campaign(status="DRAFT")
        assert (await v.send(draft)).status_code == 404
        campaign = await v.campaign()
        missing = {"id": "00000000-0000-7000-8000-000000000000"}
        assert (await v.send(missing)).status_code == 404
        assert (await v.send({"id": "nothing"})).status_code == 404
        for status in ("PAUSED", "ARCHIVED"):
            await v.change(campaign["id"], status=status)
            response = await v.send(campaign)
            assert (response.status_code, response.json()["code"]) == (409, "campaign_closed")
        early = await v.campaign(starts_at="2999-01-01T00:00:00Z")
        assert (await v.send(early)).status_code == 409
        late = await v.campaign(ends_at="2020-01-01T00:00:00Z")
        assert (await v.send(late)).status_code == 409
        silent = await v.campaign(allow_smtp_email=False)
        assert (await v.send(silent)).json()["code"] == "sending_disabled"
        assert await ledger(v) == []


async def test_an_idempotency_key_has_one_response(visit):
    async with visit() as v:
        campaign = await v.campaign()
        key = {"Idempotency-Key": "a key"}
        responses = await asyncio.gather(*(v.send(campaign, headers=key) for _ in range(4)))
        assert {response.status_code for response in responses} == {202}
        assert len({response.text for response in responses}) == 1
        assert len(await ledger(v)) == 1
        other = await v.send(campaign, headers=key, recipient_emails=[JORDAN])
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        elsewhere = await v.send(await v.campaign(), headers=key)
        assert elsewhere.status_code == 202
        assert fields(await v.send(campaign, headers={"Idempotency-Key": "x" * 256})) == {
            "Idempotency-Key"
        }


async def test_a_repeated_request_has_its_response_after_the_campaign(visit):
    async with visit() as v:
        campaign = await v.campaign()
        key = {"Idempotency-Key": "a key"}
        first = await v.send(campaign, headers=key)
        await v.change(campaign["id"], status="ARCHIVED")
        assert (await v.send(campaign, headers=key)).text == first.text
        v.clock.ahead += timedelta(hours=25)
        await v.site.db.write(idempotency.delete_expired)
        assert (await v.send(campaign, headers=key)).status_code == 409


async def test_a_refused_request_does_not_use_its_idempotency_key_up(visit):
    async with visit() as v:
        campaign = await v.campaign()
        key = {"Idempotency-Key": "a key"}
        await v.change(campaign["id"], status="PAUSED")
        assert (await v.send(campaign, headers=key)).status_code == 409
        await v.change(campaign["id"], status="ACTIVE")
        assert (await v.send(campaign, headers=key)).status_code == 202


async def test_addresses_stay_out_of_public_responses_and_metrics(visit):
    async with visit() as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]
        await v.run_jobs()
        for path in (
            email["status_url"],
            f"/emails/{email['id']}",
            f"/campaigns/{campaign['slug']}",
            f"/api/public/campaigns/{campaign['slug']}",
            "/api/public/campaigns",
            "/api/metrics",
        ):
            response = await v.client.get(path)
            assert response.status_code == 200, path
            assert "sacha@example.org" not in response.text, path
            assert AVERY not in response.text, path


async def test_an_unknown_message_is_not_found(visit):
    async with visit() as v:
        for id in ("00000000-0000-7000-8000-000000000000", "nothing"):
            assert (await v.client.get(f"/api/public/emails/{id}")).status_code == 404
            assert (await v.client.get(f"/emails/{id}")).status_code == 404


async def test_all_messages_can_be_downloaded(visit, monkeypatch):
    monkeypatch.setattr("changemaker_core.db.reads.streams.ROWS", 1)  # several reads
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign, sender_name="=cmd()", recipient_emails=[AVERY, JORDAN])
        path = f"/api/campaigns/{campaign['id']}/emails"
        assert (await v.client.get(f"{path}.csv")).status_code == 401
        plain = await v.organise("GET", f"{path}.csv")
        assert f'filename="{campaign["slug"]}.csv"' in plain.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(plain.text, newline="")))
        assert {row["Email address of the recipient"] for row in rows} == {AVERY, JORDAN}
        assert {row["Sender"] for row in rows} == {"'=cmd()"}
        v.client.headers["Accept-Language"] = "fr"
        excel = await v.organise("GET", f"{path}.csv?excel=true")
        assert excel.content.startswith("\ufeffÉcrit le;Expéditeur;".encode())
        book = await v.organise("GET", f"{path}.xlsx")
        assert zipfile.is_zipfile(io.BytesIO(book.content))
        assert (await v.organise("GET", "/api/campaigns/nothing/emails.csv")).status_code == 404


async def test_the_ledger_needs_its_permission(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign, recipient_emails=[AVERY, JORDAN])
        path = f"/api/campaigns/{campaign['id']}/emails"
        assert (await v.client.get(path)).status_code == 401
        (newest, _) = await v.emails(campaign)
        assert newest["sender_email"] == "sacha@example.org"
        page = (await v.organise("GET", f"{path}?limit=1&status=QUEUED")).json()
        assert page["pagination"]["total"] == 2
        assert page["pagination"]["has_more"] is True
        assert (await v.organise("GET", f"{path}?status=SENT")).json()["data"] == []
        assert (await v.organise("GET", f"{path}?status=LOST")).status_code == 422
