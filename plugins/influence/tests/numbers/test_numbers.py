"""Numbers of a campaign: by day, level, riding and recipient, and its goal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from changemaker_core.db.migrations.folders import load_migration
from changemaker_influence.numbers import services
from changemaker_influence.numbers.models import SentInPeriod, SentToRecipient
from changemaker_influence.numbers.queries import PeriodCount
from changemaker_influence.numbers.services import days_of

AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"
BOX = re.compile(
    r'name="recipients"[^>]*?value="[^"]*"( checked)?>\s*<span>\s*'
    r'<span class="person-name">([^<]*)'
)


async def stats(v, campaign, **params):
    path = f"/api/campaigns/{campaign['id']}/stats"
    response = await v.organise("GET", path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_each_letter_is_counted_as_it_is_sent(visit):
    async with visit() as v:
        campaign = await v.campaign(goal=2)
        assert (await stats(v, campaign, days=2))["days"] == [
            {"day": str(day), "sent": 0} for day in last_days(v, 2)
        ]
        await v.send(campaign, recipient_emails=[AVERY, JORDAN])
        await v.send(campaign, sender_email="other@example.org")
        assert (await stats(v, campaign))["sent"] == 0
        await v.run_jobs()
        found = await stats(v, campaign, days=2)
        assert (found["sent"], found["failed"], found["goal"]) == (3, 0, 10)
        assert [each["sent"] for each in found["days"]] == [0, 3]
        assert found["levels"] == [
            {"level": "FEDERAL", "sent": 2},
            {"level": "PROVINCIAL", "sent": 1},
        ]
        assert [each["sent"] for each in found["districts"]] == [2, 1]
        assert all(each["district"] for each in found["districts"])
        assert [(each["name"], each["sent"]) for each in found["recipients"]] == [
            ("Avery Tremblay-Sample", 2),
            ("Jordan Okafor-Sample", 1),
        ]
        assert "@" not in str(found)
        [first, *_] = await v.emails(campaign)
        assert first["recipient_district"]


async def test_a_repetition_counts_in_every_number_as_in_the_public_one(visit):
    async with visit() as v:
        campaign = await v.campaign()
        for _ in range(2):
            await v.send(campaign)
            await v.run_jobs()
        found = await stats(v, campaign)
        assert found["sent"] == sum(each["sent"] for each in found["days"])
        assert found["sent"] == sum(each["sent"] for each in found["recipients"])


async def test_a_recipient_who_is_erased_stays_counted_without_a_name(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign, recipient_emails=[AVERY, JORDAN])
        await v.run_jobs()
        known = SentToRecipient.recipient.in_([AVERY, JORDAN])
        assert await v.site.db.write(lambda tx: services.erase(known, 10)) == 2
        found = await stats(v, campaign)
        assert sum(each["sent"] for each in found["recipients"]) == 2
        assert "Avery" not in str(found)


@pytest.mark.database("sqlite")
async def test_whose_campaign_it_is_not_sees_no_numbers(visit):
    async with visit() as v:
        campaign = await v.campaign()
        response = await v.client.get(f"/api/campaigns/{campaign['id']}/stats")
        assert response.status_code == 401
        assert (await v.organise("GET", "/api/campaigns/nonsense/stats")).status_code == 404


def last_days(v, count):
    today = v.site.clock().astimezone(ZoneInfo(v.site.time_zone)).date()
    return [today - timedelta(days=n) for n in reversed(range(count))]


@pytest.mark.parametrize(
    ("zone", "day"),
    [("America/St_Johns", 1), ("America/Toronto", 1), ("UTC", 2), ("Asia/Kolkata", 2)],
)
def test_days_are_those_of_the_sites_time_zone(zone, day):
    periods = [PeriodCount(datetime(2026, 5, 2, 2, 0, tzinfo=UTC), 5)]
    [found] = [
        each
        for each in days_of(periods, ZoneInfo(zone), date(2026, 4, 30), date(2026, 5, 3))
        if each.sent
    ]
    assert (found.day, found.sent) == (date(2026, 5, day), 5)


def test_days_without_letters_are_among_them():
    periods = [PeriodCount(datetime(2026, 5, n, 12, tzinfo=UTC), n) for n in (1, 4)]
    found = days_of(periods, ZoneInfo("UTC"), None, date(2026, 5, 5))
    assert [each.sent for each in found] == [1, 0, 0, 4, 0]
    assert days_of([], ZoneInfo("UTC"), None, date(2026, 5, 5))[0].sent == 0


async def test_letters_of_before_are_counted_by_the_migration(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await v.send(campaign, recipient_emails=[AVERY, JORDAN])
        await v.run_jobs()
        folder = next(each for each in v.site.migration_folders() if each.plugin == "influence")
        module = load_migration(next(folder.path.glob("*_goals_and_numbers.py")))
        before = await counted(v)

        def again(tx):
            SentInPeriod.delete().execute()
            SentToRecipient.delete().execute()
            postgresql = v.site.db.dialect == "postgresql"
            module.count_sent(SentInPeriod._meta.database, postgresql=postgresql)

        await v.site.db.write(again)
        assert await counted(v) == before


async def counted(v):
    """All tallies; ridings were not stored before there were any."""

    def read():
        periods = [(row.period, row.sent) for row in SentInPeriod.select()]
        rows = SentToRecipient.select().order_by(SentToRecipient.recipient)
        return periods, [(row.recipient, row.name, row.level, row.sent) for row in rows]

    return await v.site.db.read(read)


@pytest.mark.parametrize(
    ("choice", "levels", "ticked"),
    [
        ("FIRST", None, {"Avery Tremblay-Sample"}),
        ("ALL", None, None),
        ("NONE", None, set()),
        ("LEVELS", ["PROVINCIAL"], {"Jordan Okafor-Sample"}),
    ],
)
@pytest.mark.database("sqlite")
async def test_who_is_ticked_at_first_is_the_campaigns_choice(visit, choice, levels, ticked):
    async with visit() as v:
        campaign = await v.campaign(preselected=choice, preselected_levels=levels)
        page = (await v.look_up(campaign, "L5G 4L3")).text
        boxes = BOX.findall(page)
        assert len(boxes) > 2
        chosen = {name for checked, name in boxes if checked}
        assert chosen == ({name for _, name in boxes} if ticked is None else ticked)


@pytest.mark.database("sqlite")
async def test_a_choice_of_levels_names_one(visit):
    async with visit() as v:
        campaign = await v.campaign("DRAFT")
        path = f"/api/campaigns/{campaign['id']}"
        refused = await v.organise("PATCH", path, json={"preselected": "LEVELS"})
        assert refused.json()["errors"][0]["field"] == "preselected_levels"


@pytest.mark.database("sqlite")
async def test_the_goal_is_shown_where_the_count_is(visit):
    async with visit() as v:
        campaign = await v.campaign(goal=1)
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert '<progress class="goal-bar" value="0" max="1"' in page
        await v.send(campaign)
        await v.run_jobs()
        public = (await v.client.get(f"/api/public/campaigns/{campaign['slug']}")).json()
        assert (public["email_count"], public["goal"]) == (1, 10)
        await v.change(campaign["id"], show_email_count=False)
        public = (await v.client.get(f"/api/public/campaigns/{campaign['slug']}")).json()
        assert (public["email_count"], public["goal"]) == (None, None)
        assert "goal-bar" not in (await v.client.get(f"/campaigns/{campaign['slug']}")).text
