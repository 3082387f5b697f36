"""What may be done with messages: taken once, and moved through the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core import Conflict, NotFound, Text, new_id
from changemaker_influence import states
from changemaker_influence.campaigns.queries import CampaignView, view_by_id
from changemaker_influence.emails import idempotency
from changemaker_influence.emails.models import CampaignEmail, EmailRepeat, EmailTally
from changemaker_influence.emails.placeholders import fill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from changemaker_core import SlidingWindow, Tx
    from changemaker_influence.emails.idempotency import Once
    from changemaker_influence.emails.recipients import Recipient
    from changemaker_influence.states import EmailStatus

SEND_EMAIL: Final = "influence.send_email"
#: The event of a message that the mail server took over: ``campaign_id``, ``email_id``.
EMAIL_SENT: Final = "influence.email_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the sender agreed to: the wording as they read it, its version and language."""

    text: str
    version: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A message that is to be sent to ``recipients``, all of whom the sender may write to.

    ``subject`` and ``body`` still hold their placeholders.
    """

    campaign_id: str
    sender_name: str
    sender_email: str
    postal_code: str
    recipients: Sequence[Recipient]
    subject: str
    body: str
    consent: Consent


@dataclass(frozen=True, slots=True)
class Limit:
    """``window`` counts the messages of ``who``."""

    window: SlidingWindow
    who: str


class TakenEmail(msgspec.Struct, frozen=True):
    """A message that was taken; ``id`` is what its sender may ask after."""

    id: str
    recipient_name: str


def take(tx: Tx, order: Order, limits: Sequence[Limit], once: Once | None) -> list[TakenEmail]:
    """Records the messages and the jobs that send them, in one transaction.

    A repeated message is answered as a new one and not sent again; it counts towards the limits
    all the same, since the answers must not differ. Raises ``LimitReached``, ``NotFound`` for a
    campaign that is not public, ``Conflict`` for one that takes no messages, ``Problem`` for an
    ``Idempotency-Key`` that was used for something else.
    """
    if once is not None and (answer := idempotency.begin(tx, once)) is not None:
        return _read(answer)
    check_open(view_by_id(id=order.campaign_id).one(), tx.now)
    for limit in limits:
        limit.window.take(tx, limit.who, len(order.recipients))
    action_id = new_id()
    # In one order for everybody, so that two transactions never wait for each other.
    ids = {
        recipient.key: _record(tx, order, recipient, action_id)
        for recipient in sorted(order.recipients, key=lambda recipient: recipient.email)
    }
    taken = [TakenEmail(ids[recipient.key], recipient.name) for recipient in order.recipients]
    if once is not None:
        idempotency.finish(once, msgspec.to_builtins(taken))
    return taken


def taken_before(once: Once) -> list[TakenEmail] | None:
    """What was answered to this request before; ``None`` where it is new."""
    answer = idempotency.find(once)
    return None if answer is None else _read(answer)


def _read(answer: Any) -> list[TakenEmail]:
    return msgspec.convert(answer, list[TakenEmail])


def check_open(campaign: CampaignView | None, now: datetime) -> CampaignView:
    """``campaign``, where it takes messages at ``now``; else ``NotFound`` or ``Conflict``."""
    if campaign is None:
        raise NotFound
    if not campaign.is_open(now):
        raise Conflict(
            Text("This campaign does not take messages at the moment."), code="campaign_closed"
        )
    if not campaign.allow_smtp_email:
        raise Conflict(
            Text("Messages of this campaign are not sent from this site."), code="sending_disabled"
        )
    return campaign


def _record(tx: Tx, order: Order, recipient: Recipient, action_id: str) -> str:
    """The id of a new message, with the job that sends it, or of a repetition."""
    id = new_id()
    if _insert(tx, order, recipient, id, action_id):
        tx.enqueue(SEND_EMAIL, {"email_id": id})
    else:
        _insert_repeat(tx, order, recipient, id, action_id)
    return id


def _insert(tx: Tx, order: Order, recipient: Recipient, id: str, action_id: str) -> bool:
    """Whether there was no message from this sender to this recipient.

    Raises ``NotFound`` where the campaign was removed at this moment.
    """
    values = {
        "recipient_name": recipient.name,
        "sender_name": order.sender_name,
        "postal_code": order.postal_code,
    }
    insert = CampaignEmail.insert(
        id=id,
        campaign=order.campaign_id,
        action_id=action_id,
        sender_name=order.sender_name,
        sender_email=order.sender_email,
        postal_code=order.postal_code,
        recipient_name=recipient.name,
        recipient_email=recipient.email,
        recipient_office=recipient.office,
        recipient_level=recipient.level,
        subject=fill(order.subject, values),
        body=fill(order.body, values),
        consent_text=order.consent.text,
        consent_version=order.consent.version,
        consent_language=order.consent.language,
        consented_at=tx.now,
        created_at=tx.now,
        updated_at=tx.now,
    )
    try:
        return bool(insert.on_conflict_ignore().as_rowcount().execute())
    except peewee.IntegrityError:
        raise NotFound from None


def _insert_repeat(tx: Tx, order: Order, recipient: Recipient, id: str, action_id: str) -> None:
    first = CampaignEmail.get(
        CampaignEmail.campaign == order.campaign_id,
        CampaignEmail.sender_email == order.sender_email,
        CampaignEmail.recipient_email == recipient.email,
    )
    EmailRepeat.insert(id=id, email=first.id, action_id=action_id, created_at=tx.now).execute()


def mark_sending(tx: Tx, email_id: str, message_id: str) -> None:
    """From here on the message may have been delivered."""
    _become(tx, email_id, "SENDING", message_id=message_id, sending_at=tx.now, error=None)


def mark_sent(tx: Tx, email_id: str, campaign_id: str) -> None:
    """The server took the message, one of that campaign, over."""
    _become(tx, email_id, "SENT", sent_at=tx.now)
    EmailTally.update(sent=EmailTally.sent + 1).where(EmailTally.campaign == campaign_id).execute()
    tx.emit(EMAIL_SENT, {"campaign_id": campaign_id, "email_id": email_id})


def requeue(tx: Tx, email_id: str, error: str) -> None:
    """Certainly not delivered, for a reason that may pass."""
    _become(tx, email_id, "QUEUED", error=error)


def mark_failed(tx: Tx, email_id: str, error: str | None = None) -> None:
    """Certainly not delivered, and not tried again. Without ``error``, the last one stays."""
    _become(tx, email_id, "FAILED", **({} if error is None else {"error": error}))


def mark_unknown(tx: Tx, email_id: str) -> None:
    """Perhaps delivered. Only a person can find out."""
    _become(tx, email_id, "UNKNOWN", error="no answer after the message was handed over")


def _become(tx: Tx, email_id: str, wanted: EmailStatus, **values: Any) -> None:
    changed = (
        CampaignEmail.update(status=wanted, updated_at=tx.now, **values)
        .where(
            CampaignEmail.id == email_id,
            CampaignEmail.status.in_(sorted(states.may_become(wanted))),
        )
        .execute()
    )
    if not changed:
        now = CampaignEmail.get_by_id(email_id).status
        raise states.IllegalTransition("the message", now, wanted)
