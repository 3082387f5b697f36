"""Failed messages are sent again, and a person records what became of others."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from click.testing import CliRunner

from changemaker_core.audit import CoreAuditEntry
from changemaker_core.jobs import CoreJob
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.services import SEND_EMAIL
from changemaker_influence.outcomes import commands, services

AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"


async def rows_of(v):
    return await v.site.db.read(lambda: list(CampaignEmail.select().order_by(CampaignEmail.id)))


async def put(v, status, **values):
    """All messages have become this."""
    change = CampaignEmail.update(status=status, **values)
    await v.site.db.write(lambda tx: change.execute())


async def ask(v, path, **options):
    return await v.organise("POST", path, **options)


async def test_a_failed_message_is_sent_again_once(visit):
    async with visit() as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]
        await put(v, "FAILED", error="550 no")
        path = f"/api/campaign-emails/{email['id']}/retry"
        assert (await v.client.post(path)).status_code == 401
        await v.sign_in()
        answers = await asyncio.gather(*(ask(v, path) for _ in range(3)))
        assert [each.status_code for each in answers] == [202] * 3
        assert {each.json()["status"] for each in answers} == {"QUEUED"}
        decided = CoreAuditEntry.action == "influence.message.retried"
        (entry,) = await v.site.db.read(lambda: list(CoreAuditEntry.select().where(decided)))
        assert (entry.object_id, entry.actor_kind) == (email["id"], "user")
        await v.run_jobs()
        (row,) = await rows_of(v)
        assert (row.status, row.error) == ("SENT", None)
        assert await v.metric("cm_emails_sent_total") == 1
        refused = await ask(v, path)
        assert (refused.status_code, refused.json()["code"]) == (409, "email_sent")
        for missing in (uuid.uuid4(), "nothing"):
            assert (await ask(v, f"/api/campaign-emails/{missing}/retry")).status_code == 404


async def test_all_failed_messages_of_a_campaign_are_sent_again(visit, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    async with visit() as v:
        campaign, other = await v.campaign(), await v.campaign(title="Another")
        for number in range(5):
            await v.send(campaign, sender_email=f"sacha{number}@example.org")
        await v.send(other)
        await put(v, "FAILED")
        path = f"/api/campaigns/{campaign['id']}/retry-failed"
        for _ in range(2):
            asked = await ask(v, path)
            assert (asked.status_code, asked.json()) == (202, {"messages": 5})
        await v.run_jobs()
        assert [row.status for row in await rows_of(v)] == ["SENT"] * 5 + ["FAILED"]
        assert (await ask(v, path)).json() == {"messages": 0}
        assert (await ask(v, f"/api/campaigns/{uuid.uuid4()}/retry-failed")).status_code == 404


async def test_a_message_that_failed_keeps_no_other_from_being_sent(visit):
    """And both are one letter in the end, if they are equal."""
    async with visit() as v:
        campaign = await v.campaign()
        (first,) = (await v.send(campaign)).json()["emails"]
        await put(v, "FAILED")
        await v.send(campaign)
        await v.run_jobs()
        assert [row.status for row in await rows_of(v)] == ["FAILED", "SENT"]
        await ask(v, f"/api/campaign-emails/{first['id']}/retry")
        await v.run_jobs()
        failed, sent = await rows_of(v)
        assert (failed.status, failed.repeats) == ("SENT", sent.id)


@pytest.mark.parametrize(("outcome", "status"), [("sent", "SENT"), ("not_sent", "FAILED")])
async def test_a_message_of_unknown_outcome_is_settled(visit, outcome, status):
    async with visit() as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]
        await put(v, "UNKNOWN", delivery_key="k", sending_at=v.clock())
        await v.send(campaign)
        first, again = await rows_of(v)
        await v.site.db.write(
            lambda tx: (
                CampaignEmail.update(status="UNKNOWN", repeats=first.id)
                .where(CampaignEmail.id == again.id)
                .execute()
            )
        )
        path = f"/api/campaign-emails/{email['id']}/"
        refused = await ask(v, f"{path}retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "email_unsettled")
        for _ in range(2):
            settled = await ask(v, f"{path}settle", json={"outcome": outcome})
            assert settled.status_code == 200
            assert settled.json()["status"] == status
            assert settled.json()["settled_by"]
            assert settled.json()["settled_at"]
        opposite = {"outcome": "sent" if outcome == "not_sent" else "not_sent"}
        assert (await ask(v, f"{path}settle", json=opposite)).status_code == 409
        assert {each.status for each in await rows_of(v)} == {status}
        assert await v.metric("cm_emails_sent_total") == (2 if outcome == "sent" else 0)
        if outcome == "not_sent":
            assert (await ask(v, f"{path}retry")).status_code == 202
            await v.run_jobs()
            assert (await rows_of(v))[0].status == "SENT"
        # A counter does not fall where a failed message is sent after all.
        assert await v.metric("cm_emails_failed_total") == (2 if outcome == "not_sent" else 0)


async def test_a_message_that_waits_is_cancelled(visit):
    """Its sender sees so, no number counts it, and an equal one can be sent."""
    async with visit() as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]
        path = f"/api/campaign-emails/{email['id']}"
        assert (await v.client.post(f"{path}/cancel")).status_code == 401
        for _ in range(2):
            cancelled = await ask(v, f"{path}/cancel")
            assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
        page = await v.client.get(f"/emails/{email['id']}")
        assert "Not sent: this message was cancelled" in page.text
        assert "data-pending" not in page.text
        assert await v.metric("cm_email_queue_depth") == 0
        again = await ask(v, f"{path}/retry")
        assert (again.status_code, again.json()["code"]) == (409, "email_cancelled")
        await v.send(campaign)
        await v.run_jobs()
        assert [row.status for row in await rows_of(v)] == ["CANCELLED", "SENT"]
        assert await v.metric("cm_emails_sent_total") == 1
        assert await v.metric("cm_emails_failed_total") == 0
        jobs = await v.site.db.read(
            lambda: {row.state for row in CoreJob.select().where(CoreJob.name == SEND_EMAIL)}
        )
        assert jobs == {"cancelled", "done"}
        assert (await ask(v, f"/api/campaign-emails/{uuid.uuid4()}/cancel")).status_code == 404


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("SENDING", "email_being_sent"),
        ("SENT", "email_sent"),
        ("FAILED", "email_failed"),
        ("UNKNOWN", "email_unsettled"),
    ],
)
async def test_a_message_that_does_not_wait_is_not_cancelled(visit, status, code):
    async with visit() as v:
        (email,) = (await v.send(await v.campaign())).json()["emails"]
        await put(v, status)
        refused = await ask(v, f"/api/campaign-emails/{email['id']}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (409, code)
        assert [row.status for row in await rows_of(v)] == [status]


async def test_a_message_whose_outcome_is_known_is_not_settled(visit):
    async with visit() as v:
        (email,) = (await v.send(await v.campaign())).json()["emails"]
        path = f"/api/campaign-emails/{email['id']}/settle"
        for status in ("QUEUED", "SENDING", "SENT", "FAILED"):
            await put(v, status)
            for outcome in ("sent", "not_sent"):
                refused = await ask(v, path, json={"outcome": outcome})
                assert (refused.status_code, refused.json()["code"]) == (409, "email_settled")
        assert (await ask(v, path, json={"outcome": "perhaps"})).status_code == 422


async def test_the_same_by_command(visit):
    async with visit() as v:
        campaign = await v.campaign()
        (email,) = (await v.send(campaign)).json()["emails"]

        async def run(command, *arguments):
            # What `pass_site` would open is open here.
            call = command.callback.__wrapped__
            bare = type(command)(
                command.name,
                callback=lambda **values: call(v.site, **values),
                params=command.params,
            )
            return await asyncio.to_thread(CliRunner().invoke, bare, arguments)

        await put(v, "UNKNOWN")
        assert email["id"] in (await run(commands.unsettled)).output
        assert (await run(commands.retry, email["id"])).exit_code == 1
        assert "not sent" in (await run(commands.settle, email["id"], "not-sent")).output
        assert "is known" in (await run(commands.unsettled)).output
        assert "sent again" in (await run(commands.retry_failed, campaign["slug"])).output
        await v.run_jobs()
        (row,) = await rows_of(v)
        assert (row.status, row.settled_by) == ("SENT", None)
        await put(v, "FAILED")
        assert (await run(commands.retry, email["id"])).exit_code == 0
        assert "is cancelled." in (await run(commands.cancel, email["id"])).output
        assert "was cancelled." in (await run(commands.retry, email["id"])).output
        assert "'1' is not the id of a message" in (await run(commands.retry, "1")).output
        missing = await run(commands.retry_failed, "no-such-campaign")
        assert "no campaign no-such-campaign" in missing.output
