"""A letter is handed over once, and nobody can tell a repeated one from another."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import unicodedata
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.jobs import hold_queue
from changemaker_core.mail import Address, SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions
from changemaker_core.testing.smtp import Behaviour
from changemaker_influence.emails import services
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.queries import EmailToSend
from changemaker_influence.emails.sameness import delivery_key

AVERY = "avery.tremblay@parl.example.ca"
STRANGER = "robin@example.org"

LETTER = EmailToSend(
    id="1",
    sender_name="Sacha Supporter",
    sender_email="sacha@example.org",
    postal_code="L5G 4L3",
    recipient_name="Avery",
    recipient_email=AVERY,
    recipient_office="MP",
    subject="Water",
    body="Please act.\n\nNow.",
    status="QUEUED",
    campaign_id="c",
    campaign_slug="water",
    campaign_title="Water",
    language="en",
)


def letter(**changes):
    return msgspec.structs.replace(LETTER, **changes)


@pytest.mark.parametrize(
    "field",
    "campaign_id sender_email recipient_email sender_name postal_code subject body".split(),
)
def test_a_letter_that_reads_otherwise_is_another_one(field):
    assert delivery_key(letter(**{field: "something else"})) != delivery_key(LETTER)


@given(st.lists(st.sampled_from(["Water", "é", "e\u0301", "\u00a0", " ", "\r\n"]), min_size=1))
def test_what_mail_changes_makes_no_other_letter(parts):
    body = "".join(parts)
    typed = unicodedata.normalize("NFD", body).replace("\r\n", " \t\n") + "\n \n\n"
    assert delivery_key(letter(body=body)) == delivery_key(letter(body=typed))


@pytest.mark.parametrize(
    "torn",
    ["Please\n\n\nact.\n\nNow.", "Please act.\nNow.", "Please  act.\n\nNow.", " " + LETTER.body],
)
def test_a_letter_that_is_torn_to_pieces_silences_nobody(torn):
    """A stranger could put thousands of empty lines into the words of somebody else."""
    assert delivery_key(letter(body=torn)) != delivery_key(LETTER)


@pytest.fixture
def mailing(visit, smtp_server):
    """An app that sends through ``smtp_server``."""

    @contextlib.asynccontextmanager
    async def open_():
        config = {"smtp_url": smtp_server.url, "mail_from": "Campaigns <campaigns@site.example>"}
        async with visit(config) as v:
            v.site.mail = SmtpTransport(
                SmtpUrl.parse(smtp_server.url),
                Address.parse(v.site.config.mail_from),
                options=SmtpOptions(command_timeout=timedelta(seconds=2)),
            )
            yield v
            v.site.mail.close()

    return open_


async def rows_of(v):
    return await v.site.db.read(lambda: list(CampaignEmail.select().order_by(CampaignEmail.id)))


async def status_of(v, sent):
    (email,) = sent.json()["emails"]
    return (await v.client.get(email["status_url"])).json()["status"]


def shape(response):
    """What a response has, without what is different each time."""
    (email,) = response.json()["emails"]
    names = sorted(name for name in response.headers if name != "date")
    length = response.headers["content-length"]
    return response.status_code, names, length, {**email, "id": "", "status_url": ""}


async def test_the_same_letter_twice_is_one_mail_with_equal_responses(visit):
    async with visit() as v:
        campaign = await v.campaign()
        first = await v.send(campaign)
        await v.run_jobs()
        again = await v.send(campaign, sender_email="SACHA@example.org")
        other = await v.send(campaign, sender_email=STRANGER)
        assert shape(first) == shape(again) == shape(other)
        assert await status_of(v, again) == await status_of(v, other) == "QUEUED"
        assert await v.run_jobs() == 2
        assert await status_of(v, again) == await status_of(v, other) == "SENT"
        assert len(v.site.mail.messages()) == 2
        _, repeated, _ = await v.emails(campaign)
        assert repeated["repeats"] == first.json()["emails"][0]["id"]
        public = (await v.client.get(f"/api/public/campaigns/{campaign['slug']}")).json()
        assert public["email_count"] == 3  # a count that stood still would tell as well


async def test_nobody_is_silenced_by_a_stranger_who_writes_in_their_name(visit):
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        await v.send(campaign, subject="Water", body="I do not care.")
        await v.send(campaign, subject="Water", body="I do not care.", sender_name="An Idiot")
        await v.run_jobs()
        mine = await v.send(campaign, subject="Water", body="Please act.")
        await v.run_jobs()
        assert await status_of(v, mine) == "SENT"
        sent = [v.site.mail.read(each.id) for each in v.site.mail.messages()]
        assert len(sent) == 3
        assert "Please act." in sent[0].get_body(("plain",)).get_content()


async def test_the_same_letter_many_times_at_once_is_one_mail(visit):
    async with visit() as v:
        campaign = await v.campaign()
        responses = await asyncio.gather(*(v.send(campaign) for _ in range(8)))
        assert [response.status_code for response in responses] == [202] * 8
        while {row.status for row in await rows_of(v)} != {"SENT"}:
            assert await v.run_jobs()
            v.clock.ahead += timedelta(seconds=3)
        assert len(v.site.mail.messages()) == 1
        assert len([row for row in await rows_of(v) if row.repeats is None]) == 1


async def test_a_failed_letter_keeps_nobody_from_writing_again(mailing, smtp_server):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.then(Behaviour("message", reply="550 5.7.1 no"))
        first = await v.send(campaign)
        await v.run_jobs()
        again = await v.send(campaign)
        await v.run_jobs()
        assert [await status_of(v, each) for each in (first, again)] == ["FAILED", "SENT"]
        assert len(smtp_server.received) == 1


async def test_a_letter_of_unknown_fate_is_not_sent_again_and_nothing_else_is_said(
    mailing, smtp_server
):
    async with mailing() as v:
        campaign = await v.campaign()
        smtp_server.then(Behaviour("message", drop=True, accept=True))
        await v.send(campaign)
        await v.run_jobs()
        again = await v.send(campaign)
        await v.run_jobs()
        assert await status_of(v, again) == "UNKNOWN"
        assert len(smtp_server.received) == 1


async def test_a_letter_waits_while_an_equal_one_is_being_handed_over(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign)
        (first,) = await rows_of(v)
        email = letter(campaign_id=campaign["id"], subject=first.subject, body=first.body)
        key = delivery_key(email)
        await v.site.db.write(services.mark_sending, first.id, "<x@y>", key)
        again = await v.send(campaign)
        (job_of_again,) = [r for r in await rows_of(v) if r.id != first.id]
        with pytest.raises(services.BeingSent):
            await v.site.db.write(services.mark_sending, job_of_again.id, "<z@y>", key)
        assert await status_of(v, again) == "QUEUED"


@pytest.mark.parametrize("trouble", ["held", "refused", "unreachable"])
async def test_a_repeated_letter_waits_as_any_other_while_the_queue_stands_still(
    mailing, smtp_server, trouble
):
    async with mailing() as v:
        campaign = await v.campaign()
        await v.send(campaign)
        await v.run_jobs()
        if trouble == "held":
            await v.site.db.write(hold_queue, "mail", "operator", "")
        elif trouble == "refused":
            smtp_server.always(Behaviour("mail", reply="450 4.3.0 later"))
        else:
            v.site.mail.close()
            v.site.mail = SmtpTransport(
                SmtpUrl.parse("smtp://127.0.0.1:9"), Address.parse("Site <site@site.example>")
            )
        again, other = await v.send(campaign), await v.send(campaign, sender_email=STRANGER)
        await v.run_jobs()
        assert await status_of(v, again) == await status_of(v, other) == "QUEUED"
        rows = [row for row in await rows_of(v) if row.status == "QUEUED"]
        assert len({row.error for row in rows}) == 1


async def test_a_repeated_letter_takes_as_long_as_any_other(mailing, smtp_server):
    """The times of 20 repeated letters lie among those of 20 others, at a server that is slow."""
    chance = random.Random(7)  # noqa: S311  # no secret
    async with mailing() as v:
        campaign = await v.campaign()
        people = [f"person{number}@example.org" for number in range(20)]

        async def write(addresses):
            sent = []
            for address in addresses:
                smtp_server.then(Behaviour("message", delay=chance.uniform(0.02, 0.1)))
                sent.append((await v.send(campaign, sender_email=address)).json()["emails"][0])
                await v.run_jobs()
            ids = [each["id"] for each in sent]
            rows = {row.id: row for row in await rows_of(v)}
            assert {rows[id].status for id in ids} == {"SENT"}
            return [(rows[id].sent_at - rows[id].sending_at).total_seconds() for id in ids]

        first = await write(people)
        again = await write(people)
        assert len(smtp_server.received) == len(people)
        # The median of another sample of the same distribution lies there 499 times of 500.
        low, *_, high = statistics.quantiles(first, n=10)
        assert low < statistics.median(again) < high
        middle = statistics.median(first)
        assert min(first) * 0.5 < min(again) < middle < max(again) < max(first) * 2
