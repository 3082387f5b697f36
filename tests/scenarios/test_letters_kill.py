"""250 messages of the ledger, and a job runner that is killed: none lost, none twice."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from changemaker_influence.campaigns import services as campaigns
from changemaker_influence.campaigns.models import EmailTally
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.emails import services
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.recipients import Recipient
from changemaker_influence.plugin import InfluencePlugin
from tests.bench import processes
from tests.bench.kill import (
    drain_to_the_end,
    judge,
    kill_while_draining,
    smtp_process,
)
from tests.bench.smtp_process import read_log

MAILS = int(os.environ.get("CHANGEMAKER_KILL_MAILS", "250"))
KILLS = int(os.environ.get("CHANGEMAKER_KILLS", "5"))
SEED = int(os.environ.get("CHANGEMAKER_KILL_SEED", "20260501"))
RUNNER = Path(__file__).parent / "programs" / "letters_runner.py"
OPEN = ("QUEUED", "SENDING")
NEW = {
    "title": "Clean water",
    "email_subject": "Clean water",
    "email_body": "Dear {recipient_name}, please act.",
    "target_government_levels": ["FEDERAL"],
}
AVERY = Recipient(
    keys=("avery",), names=("Avery",), name="Avery", email="avery.tremblay@parl.example.ca"
)


@pytest.fixture
def site(make_site):
    return make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})


def fill(tx):
    """A published campaign in which many have written."""
    campaign = campaigns.create(tx, msgspec.convert(NEW, NewCampaign))
    campaigns.change(tx, campaign.id, CampaignChange(status="ACTIVE"))
    for number in range(MAILS):
        submission = services.Submission(
            campaign_id=campaign.id,
            sender_name=f"Sender {number}",
            sender_email=f"sender{number}@example.org",
            postal_code="L5G 4L3",
            recipients=[AVERY],
            subject=campaign.email_subject,
            body=campaign.email_body,
            consent_text="Yes.",
            consent_version="1",
            consent_language="en",
            campaign_title=campaign.title,
            language=campaign.language,
        )
        services.record(tx, submission, lambda _: None, None)


def left(site):
    """How many messages are unfinished."""
    waiting = CampaignEmail.status.in_(OPEN)
    return site.db.sync.read(lambda: CampaignEmail.select().where(waiting).count())


def test_kills(site, database_url, tmp_path):
    site.db.sync.write(fill)
    log = tmp_path / "accepted.jsonl"
    # Slow enough that the queue outlasts the kills, before a message is taken over and after.
    with smtp_process(log, delay=0.03, reply_delay=0.03) as port:
        command = [sys.executable, str(RUNNER), str(tmp_path), database_url]
        command.append(f"smtp://127.0.0.1:{port}")
        start = partial(processes.start, command)
        left_at_kills = kill_while_draining(
            start, lambda: left(site), KILLS, longest=0.5, seed=SEED
        )
        assert left_at_kills[-1] > 0, "the queue was empty before the last kill: this shows nothing"
        assert drain_to_the_end(start, lambda: left(site), seconds=60 + MAILS / 10) == 0

    rows = site.db.sync.read(lambda: list(CampaignEmail.select()))
    accepted = [mail["message_id"] for mail in read_log(log)]
    states = {row.message_id: row.status for row in rows}
    verdict = judge(states, accepted, sent="SENT", unknown="UNKNOWN")
    assert verdict.is_good, verdict
    assert verdict.once + verdict.unknown == MAILS
    # At most the messages that were in the four workers' hands can have become unknown.
    assert verdict.unknown <= KILLS * 4
    assert site.db.sync.read(lambda: EmailTally.get().sent) == verdict.once
