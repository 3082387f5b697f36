"""What happens when two people do at the same moment what cannot both be done."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from changemaker_core import Conflict, NotFound, new_id
from changemaker_influence.campaigns import services as campaigns
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.emails import services as emails
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.recipients import Recipient
from changemaker_influence.plugin import InfluencePlugin

SECONDS = 30


def publish(tx):
    new = NewCampaign(
        title="Water",
        email_subject="Water",
        email_body="Now.",
        target_government_levels=["FEDERAL"],
    )
    made = campaigns.create(tx, new)
    return campaigns.change(tx, made.id, CampaignChange(status="ACTIVE")).id


def submission(campaign_id):
    return emails.Submission(
        campaign_id=campaign_id,
        sender_name="Sacha",
        sender_email="sacha@example.org",
        postal_code="L5G 4L3",
        recipients=[
            Recipient(keys=("a",), names=("Avery",), name="Avery", email="avery@parl.example.ca")
        ],
        subject="Water",
        body="Now.",
        consent_text="Yes.",
        consent_version="1",
        consent_language="en",
        campaign_title="Clean water",
        language="en",
    )


def take(tx, campaign_id):
    return emails.record(tx, submission(campaign_id), lambda tx: None, None)


class Begun:
    """A unit of work that has done its writes, and lets another one run into them."""

    def __init__(self, work):
        self.work = work
        self.done = threading.Event()

    def __call__(self, tx, campaign_id):
        result = self.work(tx, campaign_id)
        self.done.set()
        time.sleep(0.3)  # the other is waiting for us by then, or comes later: both are right
        return result


@pytest.fixture
def site(make_site):
    return make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})


def collide(site, first, second):
    """Both results or errors; ``second`` begins when ``first`` has done all but commit."""
    campaign_id = site.db.sync.write(publish)
    begun = Begun(first)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(site.db.sync.write, begun, campaign_id)
        assert begun.done.wait(SECONDS)
        two = pool.submit(site.db.sync.write, second, campaign_id)
        return one.exception(SECONDS), two.exception(SECONDS)


def test_a_campaign_is_not_deleted_during_a_submission(site):
    one, two = collide(site, take, campaigns.delete)
    assert one is None
    assert isinstance(two, Conflict)
    assert two.code == "campaign_has_emails"
    assert site.db.sync.read(CampaignEmail.select().count) == 1


def test_no_submission_to_a_campaign_that_is_being_deleted(site):
    one, two = collide(site, campaigns.delete, take)
    assert one is None
    assert isinstance(two, NotFound)
    assert site.db.sync.read(Campaign.select().count) == 0
    assert site.db.sync.read(CampaignEmail.select().count) == 0


def test_a_letter_that_was_erased_is_not_sent(site):
    """Its job may have read it before."""
    gone = new_id()
    with pytest.raises(emails.Cancelled):
        site.db.sync.write(emails.mark_sending, gone, "<1@example.org>", "key")
    for follow in (emails.mark_failed, emails.mark_unknown):
        site.db.sync.write(follow, gone)
    assert site.db.sync.read(CampaignEmail.select().count) == 0
