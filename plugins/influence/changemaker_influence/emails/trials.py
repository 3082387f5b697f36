"""The letter of a campaign, sent to the organiser who asks for it: by the mail server that sends
the others, marked as a test, in no ledger and no number."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Conflict, Job, SlidingWindow, Text, is_blank, new_id
from changemaker_core.features.accounts.api import account_by_id
from changemaker_core.mail import Address
from changemaker_influence.campaigns.placeholders import fill
from changemaker_influence.campaigns.queries import campaign_by_id
from changemaker_influence.emails.letters import compose
from changemaker_influence.emails.queries import EmailToSend

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site, Tx
    from changemaker_core.features.accounts.api import Account
    from changemaker_core.mail import Message
    from changemaker_influence.campaigns.schemas import CampaignOut

SEND_TEST: Final = "influence.send_test"
#: Tests of one organiser in an hour.
TESTS: Final = SlidingWindow("influence.test_letters", 20, timedelta(hours=1))
#: Where Canada's Parliament is.
POSTAL_CODE: Final = "K1A 0A6"
RECIPIENT: Final = Text("Name of a representative")
NOTE: Final = Text("This is a test of “{title}”, sent to you alone. The letter begins below.")
SUBJECT: Final = Text("[Test] {subject}")


def request_test(tx: Tx, campaign: CampaignOut) -> str:
    """Enqueue the letter for whoever asks; return their address.

    Raises ``Conflict`` for a letter that is not written, and for a program without a person;
    ``LimitReached``.
    """
    if is_blank(campaign.email_subject) or is_blank(campaign.email_body):
        raise Conflict(Text("Write a subject and a letter first."), code="unwritten")
    user_id = None if tx.actor is None else tx.actor.user_id
    user = None if user_id is None else account_by_id(user_id).one()
    if user is None:
        raise Conflict(Text("There is no person to send it to."), code="no_recipient")
    TESTS.take(tx, user.id)
    tx.enqueue(SEND_TEST, {"campaign_id": campaign.id, "user_id": user.id, "test_id": new_id()})
    return user.email


def send_test(run: JobRun, campaign_id: str, user_id: str, test_id: str) -> None:
    """Send the letter as it is at this moment."""
    campaign = run.site.db.sync.one(campaign_by_id(id=campaign_id))
    user = run.site.db.sync.one(account_by_id(user_id))
    if campaign is not None and user is not None:
        run.mail(test_letter(run.site, campaign, user, test_id))


def test_letter(site: Site, campaign: CampaignOut, user: Account, test_id: str) -> Message:
    """Return the mail of a letter that ``user`` would have signed, to themselves."""

    def translate(text: Text) -> str:
        return site.translations.translate(text, campaign.language)

    name = translate(RECIPIENT)
    values = {"recipient_name": name, "sender_name": user.name, "postal_code": POSTAL_CODE}
    note = translate(Text(NOTE.message, title=campaign.title))
    subject = fill(campaign.email_subject, values)
    letter = compose(
        site,
        EmailToSend(
            id=test_id,
            sender_name=user.name,
            sender_email=user.email,
            postal_code=POSTAL_CODE,
            recipient_name=name,
            recipient_email=user.email,
            recipient_office="",
            subject=translate(Text(SUBJECT.message, subject=subject)),
            body=f"{note}\n\n{fill(campaign.email_body, values)}",
            status="QUEUED",
            campaign_id=campaign.id,
            campaign_slug=campaign.slug,
            campaign_title=campaign.title,
            language=campaign.language,
        ),
    )
    return replace(letter, to=Address(user.name, user.email), automatic=True)


JOBS: Final = (Job(SEND_TEST, send_test, queue="mail"),)
