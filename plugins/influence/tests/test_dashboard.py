"""The dashboard of organisers: letters by day, live campaigns, and what waits for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from changemaker_admin.dashboard.reading import dashboard_of
from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Actor
from changemaker_influence.campaigns.permissions import READ, WRITE, WRITE_EMAILS
from changemaker_influence.emails.models import CampaignEmail

EVERYTHING = frozenset({READ, WRITE, WRITE_EMAILS})


def organiser(*campaigns):
    """Whoever organises these campaigns; without any, all."""
    if not campaigns:
        return Actor("user", "1", "Sam", EVERYTHING)
    scoped = frozenset((held, each) for held in EVERYTHING for each in campaigns)
    return Actor("user", "2", "Alex", frozenset(), scoped=scoped)


async def shown(v, actor):
    """The dashboard's numbers by title, and what waits."""
    found = await dashboard_of(v.site, actor)
    numbers = {
        card.title: card.number if card.days is None else (card.days.total, card.days.today)
        for card in found.cards
    }
    return numbers, {each.title: each.count for each in found.waiting}


def settle(v, status, *, of):
    """Give the letters of a campaign a status."""

    def write(tx):
        CampaignEmail.update(status=status).where(CampaignEmail.campaign == of).execute()
        tx.wrote(CampaignEmail)

    return v.site.db.write(write)


async def test_letters_by_day_and_what_waits_of_the_campaigns_that_one_may_see(visit):
    async with visit(plugins=[AdminPlugin]) as v:
        first, second = await v.campaign(), await v.campaign(title="Clean air")
        await v.send(first)
        await v.run_jobs()
        v.clock.ahead = timedelta(days=1)
        for campaign in (first, second):
            await v.send(campaign, sender_email="robin@example.org")
        await v.run_jobs()
        numbers, waiting = await shown(v, organiser())
        of_second, _ = await shown(v, organiser(second["id"]))
        assert numbers["Letters sent"] == (3, 2)
        assert numbers["Letters sent since the beginning"] == 3
        assert numbers["Campaigns that are live"] == 2
        assert of_second["Letters sent"] == (1, 1)
        assert of_second["Campaigns that are live"] == 1
        assert waiting == {}

        await settle(v, "FAILED", of=second["id"])
        failed = {"Failed letters": 1}
        assert (await shown(v, organiser()))[1] == failed
        assert (await shown(v, organiser(first["id"])))[1] == {}
        assert (await shown(v, organiser(second["id"])))[1] == failed


@pytest.mark.database("sqlite")
async def test_the_first_steps_end_when_a_campaign_is_live(visit):
    async with visit(plugins=[AdminPlugin]) as v:
        steps = (await dashboard_of(v.site, organiser())).steps
        wanted = ["Write your first campaign", "Look at it as a supporter does, and publish it"]
        assert [step.title for step in steps if step.link] == wanted
        await v.campaign(status="DRAFT")
        done = [step.title for step in (await dashboard_of(v.site, organiser())).steps if step.done]
        assert wanted[0] in done
        assert wanted[1] not in done
        await v.campaign()
        done = [step.title for step in (await dashboard_of(v.site, organiser())).steps if step.done]
        assert set(wanted) <= set(done)
