"""Sending failed messages again, cancelling those that wait, and settling unknown outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Conflict, NotFound, Text
from changemaker_influence.campaigns.services import find as find_campaign
from changemaker_influence.emails import services as emails
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.services import SEND_EMAIL, count_as_failed, count_as_sent
from changemaker_influence.outcomes.queries import email_by_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from changemaker_core import Tx
    from changemaker_influence.emails.schemas import EmailOut
    from changemaker_influence.outcomes.schemas import Outcome
    from changemaker_influence.states import EmailStatus

RETRY_FAILED: Final = "influence.retry_failed"
#: Messages that are queued again in one transaction: other writers wait meanwhile.
BATCH: Final = 500
_REASONS: Final[Mapping[EmailStatus, Text]] = {
    "SENDING": Text("This message is being sent at this moment. Look again in a minute."),
    "SENT": Text("This message was sent."),
    "FAILED": Text("This message failed, and does not wait to be sent."),
    "UNKNOWN": Text("This message may have been sent. Settle first whether it was."),
    "CANCELLED": Text("This message was cancelled."),
}
_CODES: Final[Mapping[EmailStatus, str]] = {
    "SENDING": "email_being_sent",
    "SENT": "email_sent",
    "FAILED": "email_failed",
    "UNKNOWN": "email_unsettled",
    "CANCELLED": "email_cancelled",
}


def retry(tx: Tx, email_id: str) -> EmailOut:
    """Send a failed message again. One that waits or is being sent stays as it is.

    Raises ``NotFound``, and ``Conflict`` for a message that was sent or may have been.
    """
    find(email_id)
    failed = (CampaignEmail.id == email_id) & _can_be_retried()
    if _queue_again(tx).where(failed).execute():
        _enqueue(tx, email_id)
        tx.audit("influence.message.retried", email_id)
    email = find(email_id)
    if email.status in ("UNKNOWN", "SENT", "CANCELLED"):
        raise _final(email.status)
    if email.status == "FAILED":
        raise Conflict(Text("The sender or the recipient was erased."), code="email_erased")
    return email


def cancel(tx: Tx, email_id: str) -> EmailOut:
    """Cancel a message that waits to be sent: its job ends without it. Twice is as once.

    Raises ``NotFound``, and ``Conflict`` for a message that does not wait: one that is being handed
    over at this moment may arrive whatever is recorded here.
    """
    find(email_id)
    if emails.cancel(tx, email_id):
        tx.audit("influence.message.cancelled", email_id)
    email = find(email_id)
    if email.status != "CANCELLED":
        raise _final(email.status)
    return email


def retry_failed(tx: Tx, campaign_id: str) -> int:
    """Have a job send all failed messages of a campaign again; return how many there are.

    Raises ``RowNotFound``.
    """
    find_campaign(campaign_id)
    failed = (CampaignEmail.campaign == campaign_id) & _can_be_retried()
    count = int(CampaignEmail.select().where(failed).count())
    if count:
        payload = {"campaign_id": campaign_id, "before": tx.now.isoformat()}
        tx.enqueue(RETRY_FAILED, payload, key=f"{RETRY_FAILED}:{campaign_id}")
        tx.audit("influence.campaign.retried", campaign_id, after={"messages": count})
    return count


def retry_batch(tx: Tx, campaign_id: str, before: datetime) -> int:
    """Queue some messages again that failed no later than ``before``; return how many.

    Those that fail once more meanwhile are not among them.
    """
    failed = (
        CampaignEmail.select(CampaignEmail.id)
        .where(CampaignEmail.campaign == campaign_id, _can_be_retried())
        .where(CampaignEmail.updated_at <= before)
        .limit(BATCH)
    )
    ids = [str(row.id) for row in failed]
    # Each by itself, since another request may have taken one meanwhile.
    queued = [
        id
        for id in ids
        if _queue_again(tx).where(CampaignEmail.id == id, _can_be_retried()).execute()
    ]
    for id in queued:
        _enqueue(tx, id)
    return len(ids)


def settle(tx: Tx, email_id: str, outcome: Outcome) -> EmailOut:
    """Record whether a message of unknown outcome was sent, as a person has found out.

    Repetitions whose outcome is that of the message share it. Raises ``NotFound``, and ``Conflict``
    for a message whose outcome is known, or was settled otherwise.
    """
    email = find(email_id)
    first = email.repeats or email_id
    campaign = CampaignEmail.select(CampaignEmail.campaign).where(CampaignEmail.id == email_id)
    same = (CampaignEmail.id == first) | (CampaignEmail.repeats == first)
    unknown = (CampaignEmail.campaign == campaign) & same & (CampaignEmail.status == "UNKNOWN")
    for row in CampaignEmail.select().where(unknown).order_by(CampaignEmail.id):
        if _settled(tx, row, outcome).execute():
            if outcome == "sent":
                count_as_sent(tx, str(row.id), str(row.campaign), is_repeat=bool(row.repeats))
            else:
                count_as_failed(tx, str(row.id), str(row.campaign))
            tx.audit("influence.message.settled", str(row.id), after={"outcome": outcome})
    email = find(email_id)
    if email.settled_at is None or (email.status == "SENT") != (outcome == "sent"):
        raise Conflict(Text("The outcome of this message is known."), code="email_settled")
    return email


def find(email_id: str) -> EmailOut:
    """Return a message, inside a unit of work. Raises ``NotFound``."""
    email = email_by_id(id=email_id).one()
    if email is None:
        raise NotFound
    return email


def _final(status: EmailStatus) -> Conflict:
    """Return the problem of a message that stays what it is: whatever is asked for is too late."""
    return Conflict(_REASONS[status], code=_CODES[status])


def _can_be_retried() -> Any:
    """Return the condition of failed messages whose sender and recipient were not erased."""
    known = (CampaignEmail.sender_email != "") & (CampaignEmail.recipient_email != "")
    return (CampaignEmail.status == "FAILED") & known


def _queue_again(tx: Tx) -> Any:
    return CampaignEmail.update(
        status="QUEUED", error=None, settled_at=None, settled_by=None, updated_at=tx.now
    )


def _enqueue(tx: Tx, email_id: str) -> None:
    job_id = tx.enqueue(SEND_EMAIL, {"email_id": email_id})
    CampaignEmail.update(job_id=job_id).where(CampaignEmail.id == email_id).execute()


def _settled(tx: Tx, row: CampaignEmail, outcome: Outcome) -> Any:
    """Return the update of one message, which changes nothing where its outcome is known."""
    values: dict[str, Any] = {
        "settled_at": tx.now,
        "settled_by": (tx.actor.user_id if tx.actor else None) or "",
        "updated_at": tx.now,
    }
    if outcome == "sent":
        values |= {"status": "SENT", "sent_at": row.sending_at or tx.now, "error": None}
    else:  # nothing keeps an equal message from being sent
        values |= {"status": "FAILED", "delivery_key": None, "repeats": None}
    is_unknown = (CampaignEmail.id == row.id) & (CampaignEmail.status == "UNKNOWN")
    return CampaignEmail.update(**values).where(is_unknown)
