"""When a campaign takes messages: the public list's SQL and the campaign's own rule agree."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.plugin import InfluencePlugin

pytestmark = pytest.mark.database("sqlite")

NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
JUST = timedelta(microseconds=1)
BEFORE, AFTER = NOW - JUST, NOW + JUST
STATUSES = ("DRAFT", "ACTIVE", "PAUSED", "ARCHIVED")
MOMENTS = (None, BEFORE, NOW, AFTER)
CASES = list(itertools.product(STATUSES, MOMENTS, MOMENTS))


def expected(status, starts_at, ends_at):
    """Open from the first instant on, and no longer at the last."""
    if status == "ARCHIVED" or ends_at in (BEFORE, NOW):
        return "ended"
    if status != "ACTIVE":
        return "paused"
    return "not_started" if starts_at == AFTER else None


def make(tx):
    for number, (status, starts_at, ends_at) in enumerate(CASES):
        campaign = Campaign.create(
            slug=str(number),
            title="A campaign",
            email_subject="A subject",
            email_body="A letter",
            target_government_levels=[],
            status=status,
            starts_at=starts_at,
            ends_at=ends_at,
            published_at=None if status == "DRAFT" else NOW,
            show_email_count=number % 2 == 0,
            created_at=NOW,
            updated_at=NOW,
        )
        EmailTally.create(campaign=campaign.id, sent=number)


@pytest.fixture
def site(make_site):
    site = make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})
    site.db.sync.write(make)
    return site


def test_a_campaign_tells_whether_it_is_open_and_why_not(site):
    for number, case in enumerate(CASES):
        view = site.db.sync.one(queries.published_by_slug(slug=str(number)))
        if case[0] == "DRAFT":
            assert view is None, "only what was published is seen"
        else:
            assert view.closed_reason(NOW) == expected(*case), case
            assert view.is_open(NOW) == (expected(*case) is None), case


def test_the_list_has_those_that_are_open(site):
    cards = site.db.sync.all(queries.open_campaigns(now=NOW, limit=1000))
    counted = site.db.sync.count(queries.open_campaigns(now=NOW))
    wanted = {str(number) for number, case in enumerate(CASES) if expected(*case) is None}
    assert {card.slug for card in cards} == wanted
    assert len(cards) == counted == len(wanted) == 6


def test_a_card_shows_the_count_where_the_campaign_does(site):
    for card in site.db.sync.all(queries.open_campaigns(now=NOW, limit=1000)):
        number = int(card.slug)
        assert card.email_count == (number if number % 2 == 0 else None)
        assert card.published_at == NOW
