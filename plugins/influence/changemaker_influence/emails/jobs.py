"""Sending: each message is handed over at most once, unless a try certainly failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Interval, Job, RetryPolicy
from changemaker_influence.emails import idempotency, services
from changemaker_influence.emails.letters import compose
from changemaker_influence.emails.queries import email_to_send
from changemaker_influence.emails.sameness import delivery_key

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx
    from changemaker_core.mail import AlreadySent

QUEUE: Final = "mail"
#: Until a message is tried again while an equal one is being handed over.
SOON: Final = timedelta(seconds=2)


def send_email(run: JobRun, email_id: str) -> None:
    """Send one message. Its row follows the job, each step in the job's own transaction.

    One that repeats a message that was sent does all the same, at the mail server too, and only
    the text is not handed over: what its sender sees, and when, tells nobody that it is a
    repetition.
    """
    email = run.site.db.sync.one(email_to_send(id=email_id))
    if email is not None and email.status == "CANCELLED":
        run.cancelled()
        return
    if email is None or email.status != "QUEUED":
        return
    message, key = compose(run.site, email), delivery_key(email)
    already: AlreadySent | None = None

    def sending(tx: Tx) -> AlreadySent | None:
        nonlocal already
        already = services.mark_sending(tx, email_id, message.message_id, key)
        return already

    def sent(tx: Tx) -> None:
        mark = services.mark_sent if already is None else services.mark_repeated
        mark(tx, email_id, email.campaign_id)

    try:
        run.mail(
            message,
            sending=sending,
            sent=sent,
            retried=lambda tx, error: services.requeue(tx, email_id, error),
            failed=lambda tx, error: services.mark_failed(tx, email_id, error),
            unknown=lambda tx, error: services.mark_unknown(tx, email_id),
        )
    except services.BeingSent:
        run.retry("an equal message is being sent", after=SOON)
    except services.Cancelled:
        run.cancelled()


def on_dead(tx: Tx, email_id: str) -> None:
    """Follow the job whose retries have ended."""
    services.mark_failed(tx, email_id)


def on_unknown(tx: Tx, email_id: str) -> None:
    """Follow the job whose runner ended after the message was handed over."""
    services.mark_unknown(tx, email_id)


def delete_expired(run: JobRun) -> None:
    """Delete expired idempotency keys."""
    run.write(idempotency.delete_expired)


JOBS: Final = (
    Job(
        services.SEND_EMAIL,
        send_email,
        queue=QUEUE,
        retries=RetryPolicy(
            initial=timedelta(minutes=1),
            maximum=timedelta(hours=6),
            # As long as mail servers try (RFC 5321, section 4.5.4.1): mailboxes are emptied, and
            # servers repaired, after a weekend.
            deadline=timedelta(days=4),
        ),
        on_unknown=on_unknown,
        on_dead=on_dead,
        hold_after=timedelta(hours=24),
    ),
    Job("influence.delete_expired", delete_expired, schedule=Interval(timedelta(days=1))),
)
