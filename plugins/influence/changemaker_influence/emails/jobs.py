"""Sending: each message is handed over at most once, unless a try certainly failed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Backoff, Every, Job
from changemaker_core.mail import Refused, Unanswered
from changemaker_influence.emails import idempotency, services
from changemaker_influence.emails.message import compose
from changemaker_influence.emails.queries import email_to_send

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx
    from changemaker_core.mail import Message, Session
    from changemaker_influence.emails.queries import EmailToSend

QUEUE: Final = "mail"
#: Servers like to quote addresses; errors end up in logs and lists of jobs.
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


def send_email(run: JobRun, email_id: str) -> None:
    """Sends one message. Its row follows the job, each step in the job's own transaction."""
    email = run.site.db.sync.one(email_to_send(id=email_id))
    if email is None or email.status != "QUEUED":
        return
    message = compose(run.site, email)
    with run.site.mail.session() as session:
        if not _offered(run, session, message, email_id):
            return
        run.at_risk(services.mark_sending, email_id, message.message_id)
        _hand_over(run, session, email)


def _offered(run: JobRun, session: Session, message: Message, email_id: str) -> bool:
    try:
        session.offer(message)
    except Refused as refused:
        _settle_refusal(run, email_id, refused)
        return False
    return True


def _hand_over(run: JobRun, session: Session, email: EmailToSend) -> None:
    try:
        session.data()
    except Refused as refused:
        _settle_refusal(run, email.id, refused)
    except Unanswered as unanswered:
        run.unknown(without_addresses(str(unanswered)), services.mark_unknown, email.id)
    else:
        run.done(services.mark_sent, email.id, email.campaign_id)


def _settle_refusal(run: JobRun, email_id: str, refused: Refused) -> None:
    error = without_addresses(str(refused))
    if refused.temporary:
        run.retry(error, services.requeue, email_id, error)
    else:
        run.dead(error, services.mark_failed, email_id, error)


def without_addresses(text: str) -> str:
    """``550 <a@example.org> unknown`` → ``550 <…> unknown``"""
    return _ADDRESS.sub("…", text)


def gave_up(tx: Tx, email_id: str) -> None:
    """The executor tried for as long as it may."""
    services.mark_failed(tx, email_id)


def lost_sight(tx: Tx, email_id: str) -> None:
    """The runner ended between handing over and hearing the answer."""
    services.mark_unknown(tx, email_id)


def tidy(run: JobRun) -> None:
    """Drops what is kept for a day only."""
    run.write(idempotency.forget)


def jobs() -> list[Job]:
    """What influence does outside of requests."""
    return [
        Job(
            services.SEND_EMAIL,
            send_email,
            queue=QUEUE,
            retries=Backoff(
                first=timedelta(minutes=1), longest=timedelta(hours=6), within=timedelta(hours=24)
            ),
            on_unknown=lost_sight,
            on_dead=gave_up,
            hold_after=timedelta(hours=24),
        ),
        Job("influence.tidy", tidy, schedule=Every(timedelta(days=1))),
    ]
