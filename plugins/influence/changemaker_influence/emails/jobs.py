"""Sending: each message is handed over at most once, unless a try certainly failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Interval, Job, RetryPolicy
from changemaker_core.mail import Address, Message
from changemaker_influence.emails import idempotency, services
from changemaker_influence.emails.queries import email_to_send

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site, Tx
    from changemaker_influence.emails.queries import EmailToSend

QUEUE: Final = "mail"


def send_email(run: JobRun, email_id: str) -> None:
    """Send one message. Its row follows the job, each step in the job's own transaction."""
    email = run.site.db.sync.one(email_to_send(id=email_id))
    if email is None or email.status != "QUEUED":
        return
    message = compose(run.site, email)
    run.mail(
        message,
        sending=lambda tx: services.mark_sending(tx, email_id, message.message_id),
        sent=lambda tx: services.mark_sent(tx, email_id, email.campaign_id),
        retried=lambda tx, error: services.requeue(tx, email_id, error),
        failed=lambda tx, error: services.mark_failed(tx, email_id, error),
        unknown=lambda tx, error: services.mark_unknown(tx, email_id),
    )


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


def on_dead(tx: Tx, email_id: str) -> None:
    """Follow the job whose retries have ended."""
    services.mark_failed(tx, email_id)


def on_unknown(tx: Tx, email_id: str) -> None:
    """Follow the job whose runner ended after the message was handed over."""
    services.mark_unknown(tx, email_id)


def delete_expired(run: JobRun) -> None:
    """Delete expired idempotency keys."""
    run.write(idempotency.delete_expired)


def jobs() -> list[Job]:
    """Return the jobs of influence."""
    return [
        Job(
            services.SEND_EMAIL,
            send_email,
            queue=QUEUE,
            retries=RetryPolicy(
                initial=timedelta(minutes=1),
                maximum=timedelta(hours=6),
                deadline=timedelta(hours=24),
            ),
            on_unknown=on_unknown,
            on_dead=on_dead,
            hold_after=timedelta(hours=24),
        ),
        Job("influence.delete_expired", delete_expired, schedule=Interval(timedelta(days=1))),
    ]
