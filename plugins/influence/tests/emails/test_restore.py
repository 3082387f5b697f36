"""A restored snapshot mails nobody again, until an operator wants it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from changemaker_core.jobs import Executor, holds
from changemaker_core.testing.snapshots import take


@pytest.fixture
def open_site(visit, smtp_server):
    """``async with open_site() as v``: the site, whose mail goes over SMTP."""
    return lambda: visit({"smtp_url": smtp_server.url})


def held(visit):
    return {hold.queue: hold.reason for hold in visit.site.db.sync.all(holds())}


def release(visit):
    visit.site.db.sync.write(visit.site.jobs.guard.release, "mail")
    Executor(visit.site).run_due()


async def test_a_restored_snapshot_sends_no_mail(open_site, smtp_server, database_url):
    async with open_site() as v:
        campaign = await v.campaign()
        for number in range(3):
            await v.send(campaign, sender_email=f"sender{number}@example.org")
    restore = take(database_url)
    async with open_site() as v:
        await v.run_jobs()
    assert len(smtp_server.received) == 3

    restore()
    async with open_site() as v:
        await v.run_jobs()
        assert len(smtp_server.received) == 3
        assert held(v) == {"mail": "restore"}
        assert {email["status"] for email in await v.emails(campaign)} == {"QUEUED"}
        health = (await v.client.get("/api/health")).json()
        assert {"queues": "warning"}.items() <= {
            check["name"]: check["status"] for check in health["checks"]
        }.items()
        assert await v.metric('cm_queue_held{queue="mail"}') == 1
        release(v)
    assert len(smtp_server.received) == 6


async def test_a_day_without_a_runner_holds_what_waited(open_site, smtp_server, clock):
    async with open_site() as v:
        campaign = await v.campaign()
        await v.run_jobs()
        await v.send(campaign)
    clock.ahead += timedelta(hours=24, minutes=5)
    async with open_site() as v:
        await v.run_jobs()
        assert smtp_server.received == []
        assert held(v) == {"mail": "silence"}
        release(v)
    assert len(smtp_server.received) == 1


async def test_an_idle_site_sends_after_any_pause(open_site, smtp_server, clock):
    async with open_site() as v:
        campaign = await v.campaign()
        await v.run_jobs()
    clock.ahead += timedelta(days=20)
    async with open_site() as v:
        await v.send(campaign)
        await v.run_jobs()
    assert len(smtp_server.received) == 1
