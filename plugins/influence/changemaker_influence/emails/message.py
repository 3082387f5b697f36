"""A message of the ledger as a mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.mail import Address, Message
from changemaker_core.web.filters import paragraphs

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.emails.queries import EmailToSend


def compose(site: Site, email: EmailToSend) -> Message:
    """The mail in the campaign's language, with a text and an HTML part.

    From is the site's own address, whose domain vouches for it; answers go to the sender. The
    message id is the ledger's, so a server that sees a message again can tell.
    """
    context = _context(email)
    rendered = {
        part: site.templates.render(
            f"influence/mail/representative.{part}", context, locale=email.language
        )
        for part in ("txt", "html")
    }
    return Message(
        to=Address(email.recipient_name, email.recipient_email),
        reply_to=Address(email.sender_name, email.sender_email),
        subject=email.subject,
        text=rendered["txt"],
        html=rendered["html"],
        message_id=f"<{email.id}@{site.mail.mail_from.domain}>",
    )


def _context(email: EmailToSend) -> dict[str, Any]:
    return {
        "campaign": {"slug": email.campaign_slug, "title": email.campaign_title},
        "sender": {
            "name": email.sender_name,
            "email": email.sender_email,
            "postal_code": email.postal_code,
        },
        "recipient": {"name": email.recipient_name, "elected_office": email.recipient_office},
        "body_paragraphs": paragraphs(email.body),
    }
