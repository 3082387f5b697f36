"""The send ledger against a real SMTP server that accepts, refuses, hangs and vanishes."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import ClassVar
from urllib.parse import unquote

import dkim
import pytest

from changemaker_core import Plugin, Subscription, hookimpl
from changemaker_core.config.dkim_key import load_key, new_key, record_value
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.jobs import CoreJob, holds
from changemaker_core.mail import Address, SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions
from changemaker_core.testing.smtp import Behaviour
from changemaker_influence import states
from changemaker_influence.emails import jobs, services
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.outcomes import services as outcomes

AVERY = "avery.tremblay@parl.example.ca"
REFUSAL = f"<{AVERY}> is refused"


@pytest.fixture
def mailing(visit, smtp_server):
    """An app that sends through ``smtp_server``, and is not patient with it."""
    import contextlib

    @contextlib.asynccontextmanager
    async def open_():
        config = {"smtp_url": smtp_server.url, "mail_from": "Campaigns <campaigns@site.example>"}
        async with visit(config) as v:
            v.site.mail = SmtpTransport(
                SmtpUrl.parse(smtp_server.url),
                Address.parse(v.site.config.mail_from),
                options=SmtpOptions(
                    command_timeout=timedelta(seconds=1), message_timeout=timedelta(seconds=1)
                ),
            )
            yield v
            v.site.mail.close()

    return open_


async def test_a_letter_is_signed_as_the_site_whoever_wrote_it(visit, smtp_server, tmp_path):
    (tmp_path / "dkim.key").write_bytes(new_key())
    config = {
        "smtp_url": smtp_server.url,
        "mail_from": "Campaigns <campaigns@parks.ca>",
        "dkim_selector": "cm",
        "dkim_key_file": str(tmp_path / "dkim.key"),
    }
    async with visit(config) as v:
        await v.send(await v.campaign())
        await v.run_jobs()
    (received,) = smtp_server.received
    record = record_value(load_key(tmp_path / "dkim.key")).encode()
    verifier = dkim.DKIM(received.content)
    assert verifier.verify(dnsfunc=lambda name, **_: record)
    assert (verifier.domain, verifier.selector) == (b"parks.ca", b"cm")
    signed = [name.lower() for name in verifier.include_headers]
    assert signed.count(b"reply-to") == 2  # the writer's, and no other one may be added
    assert "campaigns@parks.ca" in received.email["From"]
    assert received.email["Reply-To"] is not None


async def row_of(v):
    (row,) = await v.site.db.read(lambda: list(CampaignEmail.select()))
    return row


async def job_of(v):
    return await v.site.db.read(
        lambda: CoreJob.get(CoreJob.name == services.SEND_EMAIL)  # the only one
    )


async def test_the_mail_has_its_headers_and_both_parts(mailing, smtp_server):
    async with mailing() as v:
        campaign = await v.campaign(language="fr", title="Eau <propre>")
        await v.send(campaign, sender_name="Zoé <b>Supporter")
        await v.run_jobs()
        row = await row_of(v)
        (received,) = smtp_server.received
        mail = received.email
        assert received.sender == "campaigns@site.example"
        assert received.recipients == (AVERY,)
        assert mail["From"].addresses[0].addr_spec == "campaigns@site.example"
        assert mail["To"].addresses[0].display_name == "Avery Tremblay-Sample"
        assert mail["Reply-To"].addresses[0].addr_spec == "sacha@example.org"
        assert mail["Reply-To"].addresses[0].display_name == "Zoé <b>Supporter"
        assert mail["Subject"] == "Clean water"
        assert mail["Message-ID"] == row.message_id == f"<{row.id}@site.example>"
        assert mail["Date"].datetime is not None
        text, html = mail.iter_parts()
        assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
        assert "Zoé <b>Supporter" in text.get_content()
        assert "Zoé &lt;b&gt;Supporter" in html.get_content()
        assert "<b>" not in html.get_content()
        assert '<html lang="fr">' in html.get_content()
        assert "please act on clean water" in text.get_content()
        assert row.status == "SENT"
        assert row.sending_at <= row.sent_at


async def test_a_reply_goes_to_the_sender_alone(mailing, smtp_server):
    """Whatever their address contains; and to a server that does not know its letters."""
    smtp_server.smtputf8 = False
    async with mailing() as v:
        campaign = await v.campaign()
        for sender in ("rep?bcc=x@evil.example", "zoé@example.org", "anna@faß.example"):
            assert (await v.send(campaign, sender_email=sender)).status_code == 202
        await v.run_jobs()
    letters = {}
    for received in smtp_server.received:
        text, html = (part.get_content() for part in received.email.iter_parts())
        (link,) = re.findall(r'href="(mailto:[^"]*)"', html)
        reply_to = received.email["Reply-To"]
        letters[link] = reply_to and reply_to.addresses[0].addr_spec
        assert unquote(link.removeprefix("mailto:")) in text
    assert letters == {
        "mailto:rep%3Fbcc%3Dx@evil.example": "rep?bcc=x@evil.example",
        "mailto:zo%C3%A9@example.org": None,
        "mailto:anna@xn--fa-hia.example": "anna@xn--fa-hia.example",
    }


async def test_a_server_that_refuses_the_site_holds_the_mail_and_fails_no_message(
    mailing, smtp_server
):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.always(Behaviour("mail", reply="530 5.7.0 Authentication required"))
        await v.send(campaign)
        await v.run_jobs()
        row, (hold,) = await row_of(v), await v.site.db.all(holds())
        assert (row.status, hold.queue, hold.reason) == ("QUEUED", "mail", "refused")
        smtp_server.always()
        await v.site.db.write(v.site.jobs.guard.release, "mail")
        await v.run_jobs()
        assert (await row_of(v)).status == "SENT"


@pytest.mark.parametrize("stage", ["rcpt", "data", "message"])
async def test_a_permanent_refusal_fails_and_is_not_retried(mailing, smtp_server, stage, caplog):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.then(Behaviour(stage, reply=f"550 5.1.1 {REFUSAL}"))
        (email,) = (await v.send(campaign)).json()["emails"]
        await v.run_jobs()
        row, job = await row_of(v), await job_of(v)
        assert (row.status, job.state) == ("FAILED", "dead")
        for error in (row.error, job.error, caplog.text):
            assert AVERY not in error
        assert row.error.startswith("550 5.1.1")
        v.clock.ahead += timedelta(hours=30)
        assert await v.run_jobs() == 0
        assert smtp_server.received == []
        assert await v.metric("cm_emails_failed_total") == 1
        assert (await v.client.get(email["status_url"])).json()["status"] == "FAILED"


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour("mail", reply="451 later"),
        Behaviour("rcpt", reply="450 later"),
        Behaviour("data", reply="451 later"),
        Behaviour("message", reply="452 later"),
        Behaviour("rcpt", drop=True),
        Behaviour("data", drop=True),
    ],
    ids=lambda each: f"{each.stage} {each.reply or 'drop'}",
)
async def test_a_temporary_refusal_is_retried_after_a_minute(mailing, smtp_server, behaviour):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.then(behaviour)
        await v.send(campaign)
        await v.run_jobs()
        row, job = await row_of(v), await job_of(v)
        assert (row.status, job.state) == ("QUEUED", "queued")
        assert row.error
        v.clock.ahead += timedelta(seconds=40)
        assert await v.run_jobs() == 0
        v.clock.ahead += timedelta(seconds=40)
        assert await v.run_jobs() == 1
        assert (await row_of(v)).status == "SENT"
        assert len(smtp_server.received) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour("message", drop=True, accept=True),
        Behaviour("message", drop=True),
        Behaviour("message", hang=True, accept=True),
        Behaviour("message", hang=True),
    ],
    ids=["dropped, accepted", "dropped", "hung, accepted", "hung"],
)
async def test_a_lost_response_after_data_is_unknown_and_never_retried(
    mailing, smtp_server, behaviour
):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.then(behaviour)
        (email,) = (await v.send(campaign)).json()["emails"]
        await v.run_jobs()
        row, job = await row_of(v), await job_of(v)
        assert (row.status, job.state) == ("UNKNOWN", "unknown")
        v.clock.ahead += timedelta(days=2)
        assert await v.run_jobs() == 0
        assert len(smtp_server.received) == behaviour.accepts
        assert (await v.client.get(email["status_url"])).json()["status"] == "UNKNOWN"
        assert await v.metric("cm_emails_sent_total") == 0


async def test_retries_end_after_four_days(mailing, smtp_server):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.always(Behaviour("rcpt", reply="450 later"))
        await v.send(campaign)
        attempts = 0
        waits = []
        while (await row_of(v)).status == "QUEUED":
            before = v.clock()
            await v.run_jobs()
            attempts += 1
            job = await job_of(v)
            if job.due_at is not None:
                waits.append(job.due_at - before)
                v.clock.ahead += job.due_at - before + timedelta(seconds=1)
            assert attempts < 50
        row, job = await row_of(v), await job_of(v)
        assert (row.status, job.state) == ("FAILED", "dead")
        assert row.error.startswith("450")
        assert timedelta(seconds=40) < waits[0] < timedelta(seconds=80)
        assert max(waits) <= timedelta(hours=6) * 1.2 + timedelta(seconds=5)
        assert timedelta(days=3.5) < v.clock.ahead < timedelta(days=4.5)
        assert smtp_server.received == []


async def test_no_server_at_all_keeps_messages_waiting(visit):
    async with visit({"smtp_url": "smtp://127.0.0.1:9"}) as v:
        await v.send(await v.campaign())
        await v.run_jobs()
        assert (await row_of(v)).status == "QUEUED"


async def test_one_bad_address_does_not_hold_up_the_others(mailing, smtp_server):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.for_recipient(AVERY, Behaviour("rcpt", reply="550 no"))
        jordan = "jordan.okafor@ola.example.ca"
        await v.send(campaign, recipient_emails=[AVERY, jordan])
        await v.run_jobs()
        rows = await v.site.db.read(
            lambda: {row.recipient_email: row.status for row in CampaignEmail.select()}
        )
        assert rows == {AVERY: "FAILED", jordan: "SENT"}


async def test_the_status_of_a_message_follows_the_table(visit):
    async with visit() as v:
        await v.send(await v.campaign())
        row = await row_of(v)
        with pytest.raises(states.IllegalTransition):
            await v.site.db.write(services.mark_sent, row.id, row.campaign_id)
        await v.site.db.write(services.mark_sending, row.id, "<x@y>", "a key")
        await v.site.db.write(services.mark_unknown, row.id)
        for mark, *more in ((services.mark_sent, row.campaign_id), (services.mark_failed,)):
            with pytest.raises(states.IllegalTransition):
                await v.site.db.write(mark, row.id, *more)
        assert (await row_of(v)).status == "UNKNOWN"


async def test_addresses_stay_out_of_the_log(mailing, smtp_server, caplog):
    with caplog.at_level(logging.INFO):
        async with mailing() as v:
            campaign = await v.campaign()
            smtp_server.then(Behaviour("rcpt", reply=f"450 {REFUSAL}"))
            await v.send(campaign)
            await v.run_jobs()
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("mail", "httpx"))]
    assert "sacha@example.org" not in "\n".join(ours)
    assert AVERY not in "\n".join(ours)


class Listener(Plugin):
    """Writes down what it hears."""

    name = "listener"
    after = ("influence",)
    heard: ClassVar = []

    @hookimpl
    def cm_register_subscriptions(self):
        return [Subscription("influence.email_sent", hear)]


def hear(run, **event):
    Listener.heard.append(event)


async def test_other_plugins_are_notified_of_sent_messages(visit, monkeypatch):
    monkeypatch.setattr(Listener, "heard", [])
    async with visit(plugins=(Listener,)) as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]
        await v.run_jobs()
        assert Listener.heard == [{"campaign_id": campaign["id"], "email_id": email["id"]}]


@pytest.mark.database("sqlite")
async def test_placeholders_do_not_multiply_a_letter(visit):
    """A short text becomes a long one, once for each recipient: the API, the preview, and the
    organiser's own text, which its sender could not shorten."""
    subject, body = "{sender_name}" * 15, "{sender_name}" * 1_538
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        long = {"sender_name": "S" * 200, "subject": subject, "body": body}
        refused = await v.send(campaign, **long)
        assert refused.status_code == 422
        errors = {each["field"]: each["message"] for each in refused.json()["errors"]}
        assert errors.keys() == {"subject", "body"}
        assert "1000 characters" in errors["subject"]
        assert (await v.send(campaign, **{**long, "sender_name": "S" * 20})).status_code == 202
        page = await v.look_up(campaign, "l5g 4l3")
        key = re.search(r'name="recipients"[^>]*value="([^"]+)"', page.text)[1]
        typed = {"sender_email": "s@e.org", "postal_code": "L5G 4L3", "recipients": key}
        shown = await v.client.post(
            f"/campaigns/{campaign['slug']}", data={**typed, **long, "preview": "1"}
        )
        assert (shown.status_code, shown.text.count("Shorten it.")) == (422, 4)
        changed = await v.organise(
            "PATCH", f"/api/campaigns/{campaign['id']}", json={"email_body": body}
        )
        assert changed.status_code == 422
        assert changed.json()["errors"][0]["field"] == "email_body"


async def test_a_letter_leaves_as_it_was_when_it_was_written(visit):
    """Its title and its language are part of what its sender agreed to."""
    async with visit() as v:
        campaign = await v.campaign(title="Clean water")
        await v.send(campaign)
        await v.change(campaign["id"], title="Sell the river", language="fr")
        await v.run_jobs()
        (mail,) = v.site.mail.messages()
        text = v.site.mail.read(mail.id).get_body(("plain",)).get_content()
        assert "Clean water" in text
        assert "sent you this message through" in text
        assert "river" not in text


@pytest.mark.parametrize("reply", [None, "550 no such user", "450 later"])
async def test_a_message_that_is_cancelled_while_its_envelope_is_sent_is_not_sent(
    mailing, smtp_server, monkeypatch, caplog, reply
):
    """(!) Its job has read it, and finds out before it hands it over; no failure brings it back."""
    async with mailing() as v:
        (email,) = (await v.send(await v.campaign())).json()["emails"]
        compose = jobs.compose

        def cancelled_meanwhile(site, letter):
            site.db.sync.write(outcomes.cancel, email["id"])
            return compose(site, letter)

        monkeypatch.setattr(jobs, "compose", cancelled_meanwhile)
        if reply is not None:
            smtp_server.always(Behaviour("rcpt", reply=reply))
        await v.run_jobs()
        monkeypatch.undo()
        v.clock.ahead += timedelta(days=1)
        await v.run_jobs()
        assert (await row_of(v)).status == "CANCELLED"
        assert (await job_of(v)).state in ("cancelled", "dead")
        assert await v.metric("cm_emails_failed_total") == 0
        assert smtp_server.received == []
        assert not [record for record in caplog.records if record.exc_info]
