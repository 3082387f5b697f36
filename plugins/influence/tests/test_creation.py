"""What is returned when a campaign is made, and what was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from changemaker_influence.campaigns import queries, services
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.plugin import InfluencePlugin

NEWFOUNDLAND = timezone(timedelta(hours=-2, minutes=-30))
NEW = NewCampaign(
    title="L'eau, c'est sacré !",
    email_subject="Water — now",
    email_body="Dear {recipient_name}, 💧\nnow.",
    target_government_levels=["FEDERAL", "MUNICIPAL"],
    starts_at=datetime(2030, 1, 31, 23, 59, 59, 123456, tzinfo=NEWFOUNDLAND),
    allow_email_editing=True,
)
BARE = NewCampaign(
    title="Water", email_subject="Water", email_body="Now.", target_government_levels=[]
)


@pytest.fixture
def site(make_site):
    return make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})


@pytest.mark.parametrize("new", [NEW, BARE])
def test_the_response_is_what_a_later_read_returns(site, new):
    made = site.db.sync.write(services.create, new)
    assert made == site.db.sync.read(services.find, made.id)
    assert made.starts_at is None or made.starts_at.utcoffset() == timedelta(0)


def test_concurrent_campaigns_get_different_slugs(site):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: site.db.sync.write(services.create, NEW), range(40)))
    slugs = {campaign.slug for campaign in made}
    assert slugs == {"l-eau-c-est-sacre", *(f"l-eau-c-est-sacre-{n}" for n in range(2, 41))}
    stored = site.db.sync.read(lambda: {each.id: each.slug for each in Campaign.select()})
    assert stored == {campaign.id: campaign.slug for campaign in made}


def test_a_campaign_is_renamed_beside_others(site):
    def rename(tx, title):
        made = services.create(tx, NEW)
        return services.change(tx, made.id, CampaignChange(title=title)).slug

    assert site.db.sync.write(rename, "Rivers") == "rivers"
    assert site.db.sync.write(rename, "Rivers!") == "rivers-2"


@pytest.mark.parametrize("tallied", [True, False], ids=["made by an older version", "new"])
@pytest.mark.parametrize(
    "steps", [["ACTIVE"], ["ARCHIVED", "PAUSED", "ACTIVE"], ["ACTIVE", "PAUSED", "ACTIVE"]]
)
def test_a_published_campaign_has_a_tally(site, steps, tallied):
    made = site.db.sync.write(services.create, NEW)
    if tallied:
        site.db.sync.write(lambda tx: EmailTally.insert(campaign=made.id, sent=0).execute())
    for status in steps:
        site.db.sync.write(services.change, made.id, CampaignChange(status=status))
    assert site.db.sync.one(queries.published_by_id(id=made.id)).sent == 0


def test_a_tally_is_deleted_with_its_campaign(site):
    made = site.db.sync.write(services.create, NEW)
    site.db.sync.write(services.change, made.id, CampaignChange(status="ACTIVE"))
    site.db.sync.write(services.delete, made.id)
    assert site.db.sync.read(lambda: EmailTally.select().count()) == 0
