"""Letters as their recipients read them: the mail, and what is shown before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.mail import Address, Message
from changemaker_influence.emails.links.mailto import mailto
from changemaker_influence.emails.queries import EmailToSend
from changemaker_influence.emails.services import filled

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.campaigns.queries import PublishedCampaign
    from changemaker_influence.emails.services import Submission


def compose(site: Site, email: EmailToSend) -> Message:
    """Return the mail in the campaign's language, with a text and an HTML part.

    From is the site's own address, whose domain authenticates it (DMARC); replies go to the
    sender. The message id is derived from the ledger's, so that a server can recognise a message
    that it has seen.
    """
    context = {
        "campaign": {"slug": email.campaign_slug, "title": email.campaign_title},
        "sender": {
            "name": email.sender_name,
            "email": email.sender_email,
            "mailto": mailto(email.sender_email),
            "postal_code": email.postal_code,
        },
        "recipient": {"name": email.recipient_name, "elected_office": email.recipient_office},
        "body": email.body,
    }
    text, html = (
        site.templates.render(
            f"influence/mail/representative.{part}", context, locale=email.language
        )
        for part in ("txt", "html")
    )
    return Message(
        to=Address(email.recipient_name, email.recipient_email),
        reply_to=Address(email.sender_name, email.sender_email),
        subject=email.subject,
        text=text,
        html=html,
        message_id=f"<{email.id}@{site.mail.mail_from.domain}>",
    )


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter: the text part of the mail, whole."""

    recipient_name: str
    subject: str
    text: str


def letters_of(site: Site, campaign: PublishedCampaign, submission: Submission) -> list[Letter]:
    """Return the letters that would be sent, made by what makes the mails."""
    letters = []
    for recipient in submission.recipients:
        subject, body = filled(submission, recipient)
        message = compose(
            site,
            EmailToSend(
                id="preview",
                sender_name=submission.sender_name,
                sender_email=submission.sender_email,
                postal_code=submission.postal_code,
                recipient_name=recipient.name,
                recipient_email=recipient.email,
                recipient_office=recipient.office,
                subject=subject,
                body=body,
                status="QUEUED",
                campaign_id=campaign.id,
                campaign_slug=campaign.slug,
                campaign_title=submission.campaign_title,
                language=submission.language,
            ),
        )
        letters.append(Letter(recipient.name, message.subject, message.text))
    return letters
