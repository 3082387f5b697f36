"""The ledger of messages: each is recorded once, and moved from status to status."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core import Conflict, FieldError, Invalid, NotFound, Text, new_id
from changemaker_core.mail import AlreadySent
from changemaker_influence import states, webhooks
from changemaker_influence.campaigns.models import EmailTally
from changemaker_influence.campaigns.placeholders import (
    LONGEST_FILLED,
    FilledLength,
    fill,
    too_long,
)
from changemaker_influence.campaigns.queries import PublishedCampaign, published_by_id
from changemaker_influence.emails import idempotency
from changemaker_influence.emails.models import CampaignEmail, EmailTry
from changemaker_influence.emails.queries import (
    campaign_of,
    delivery_instead_of,
    delivery_with,
    sent_letter,
)
from changemaker_influence.numbers import services as numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core import Tx
    from changemaker_influence.emails.idempotency import IdempotentRequest
    from changemaker_influence.emails.queries import Delivery
    from changemaker_influence.emails.recipients import Recipient
    from changemaker_influence.states import EmailStatus

SEND_EMAIL: Final = "influence.send_email"
#: A job waits no longer than this in place of a message that was sent before.
LONGEST_PRETENCE: Final = timedelta(seconds=10)
#: The error of a message of unknown outcome.
NO_RESPONSE: Final = "no response after the message was handed over"
#: Emitted when the mail server has accepted a message: ``campaign_id``, ``email_id``.
EMAIL_SENT: Final = "influence.email_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message to ``recipients``, all of whom the sender may write to.

    ``subject`` and ``body`` still hold their placeholders; ``consent_text`` is the wording as the
    sender read it, and ``campaign_title`` and ``language`` are the campaign's at that time.
    """

    campaign_id: str
    campaign_title: str
    language: str
    sender_name: str
    sender_email: str
    postal_code: str
    recipients: Sequence[Recipient]
    subject: str
    body: str
    consent_text: str
    consent_version: str
    consent_language: str
    #: The campaign's own text, which the sender may have edited.
    own_subject: str = ""
    own_body: str = ""


class AcceptedEmail(msgspec.Struct, frozen=True):
    """A message that was accepted; with ``id`` its sender can look up its status."""

    id: str
    recipient_name: str
    recipient_names: tuple[str, ...] = ()
    #: When it leaves, where it is delayed.
    send_after: datetime | None = None


def accepted_from(response: Any) -> list[AcceptedEmail]:
    """Return the messages of a stored response."""
    return msgspec.convert(response, list[AcceptedEmail])


def record(
    tx: Tx,
    submission: Submission,
    count: Callable[[Tx], datetime | None],
    idempotent: IdempotentRequest | None,
) -> list[AcceptedEmail]:
    """Record the messages and the jobs that send them, in one transaction.

    ``count`` counts them, and returns when they may leave, where that is later. Whether a message
    repeats another one is not looked at here, but when it is handed over: until then the two cannot
    be told apart. Raises ``LimitReached``, ``NotFound`` for a campaign that is not public,
    ``Conflict`` for one that does not accept messages, ``Problem`` for an ``Idempotency-Key`` that
    was used for another request.
    """
    if idempotent is not None and (stored := idempotency.claim(tx, idempotent)) is not None:
        return accepted_from(stored)
    check_open(published_by_id(id=submission.campaign_id).one(), tx.now)
    send_after = count(tx)
    action_id = new_id()
    accepted = [
        AcceptedEmail(
            _record_one(tx, submission, each, action_id, send_after),
            each.name,
            each.names,
            send_after,
        )
        for each in submission.recipients
    ]
    if idempotent is not None:
        idempotency.store_response(idempotent, msgspec.to_builtins(accepted))
    return accepted


def _record_one(
    tx: Tx,
    submission: Submission,
    recipient: Recipient,
    action_id: str,
    send_after: datetime | None,
) -> str:
    """Return the id of a new message, whose job is enqueued.

    Raises ``NotFound`` where the campaign was deleted at this moment.
    """
    id = new_id()
    subject, body = filled(submission, recipient)
    job_id = tx.enqueue(SEND_EMAIL, {"email_id": id}, due_at=send_after)
    insert = CampaignEmail.insert(
        id=id,
        job_id=job_id,
        campaign=submission.campaign_id,
        action_id=action_id,
        sender_name=submission.sender_name,
        sender_email=submission.sender_email,
        postal_code=submission.postal_code,
        campaign_title=submission.campaign_title,
        language=submission.language,
        recipient_name=recipient.name,
        recipient_email=recipient.email,
        recipient_office=recipient.office,
        recipient_level=recipient.level,
        recipient_district=recipient.district,
        edited=is_edited(submission, recipient),
        subject=subject,
        body=body,
        consent_text=submission.consent_text,
        consent_version=submission.consent_version,
        consent_language=submission.consent_language,
        consented_at=tx.now,
        created_at=tx.now,
        send_after=send_after,
        updated_at=tx.now,
    )
    try:
        insert.execute()
    except peewee.IntegrityError:
        raise NotFound from None
    return id


def filled(submission: Submission, recipient: Recipient) -> tuple[str, str]:
    """Return the subject and the body that ``recipient`` gets."""
    values = _values(submission, recipient)
    return fill(submission.subject, values), fill(submission.body, values)


def is_edited(submission: Submission, recipient: Recipient) -> bool:
    """Return whether ``recipient`` gets other words than the campaign's own.

    The page fills in some placeholders before a person edits the text, and forms end lines in their
    own way: neither is an edit.
    """
    values = _values(submission, recipient)
    own = (fill(submission.own_subject, values), fill(submission.own_body, values))
    written = filled(submission, recipient)
    return [text.split() for text in own] != [text.split() for text in written]


def check_filled(submission: Submission) -> None:
    """Raise ``Invalid`` where a letter would be too long with its placeholders replaced."""
    errors = []
    for field, most in LONGEST_FILLED.items():
        length = FilledLength(getattr(submission, field))
        if any(length.of(_values(submission, each)) > most for each in submission.recipients):
            errors.append(FieldError(field, too_long(most)))
    if errors:
        raise Invalid(errors)


def _values(submission: Submission, recipient: Recipient) -> dict[str, str]:
    return {
        "recipient_name": recipient.name,
        "sender_name": submission.sender_name,
        "postal_code": submission.postal_code,
    }


def check_open(campaign: PublishedCampaign | None, now: datetime) -> PublishedCampaign:
    """Return ``campaign`` if it accepts messages at ``now``; else raise a ``Problem``."""
    if campaign is None:
        raise NotFound
    if not campaign.is_open(now):
        raise Conflict(
            Text("This campaign is not accepting messages at the moment."), code="campaign_closed"
        )
    if not campaign.allow_smtp_email:
        raise Conflict(
            Text("Messages for this campaign are not sent from this site."),
            code="sending_disabled",
        )
    return campaign


class Cancelled(Exception):
    """The message was cancelled, or erased with its sender, while its job was about to send it."""


class BeingSent(Exception):
    """An equal message is being handed over at this moment: what becomes of it is not known yet."""


def mark_sending(
    tx: Tx, email_id: str, message_id: str | None, delivery_key: str
) -> AlreadySent | None:
    """Record that from now on the message may have been delivered.

    Return ``AlreadySent`` where an equal one was handed over before, which takes the place of this
    one. Raises ``BeingSent``, and ``Cancelled``.
    """
    sending: dict[str, Any] = {"sending_at": tx.now, "error": None}
    delivered = delivery_with(key=delivery_key).one()
    if delivered is None:
        try:
            _set_status(
                tx, email_id, "SENDING", message_id=message_id, delivery_key=delivery_key, **sending
            )
        except peewee.IntegrityError:  # since the query
            raise BeingSent from None
        return None
    if delivered.status == "SENDING":
        raise BeingSent
    _set_status(tx, email_id, "SENDING", repeats=delivered.id, **sending)
    return AlreadySent(_time_to_send(delivered))


def mark_sent(tx: Tx, email_id: str, campaign_id: str) -> None:
    """Record that the mail server accepted the message, and count it for its campaign."""
    _set_status(tx, email_id, "SENT", sent_at=tx.now)
    count_as_sent(tx, email_id, campaign_id, is_repeat=False)


def mark_repeated(tx: Tx, email_id: str, campaign_id: str) -> None:
    """Record that an equal message is what was delivered: this one becomes what that one is.

    It counts, because the campaign's count is public: one that stands still would tell a stranger
    that it was a repetition.
    """
    delivered = delivery_instead_of(id=email_id).one()
    if delivered is not None and delivered.status == "SENT":
        _set_status(tx, email_id, "SENT", sent_at=tx.now)
        count_as_sent(tx, email_id, campaign_id, is_repeat=True)
    else:
        mark_unknown(tx, email_id)


def count_as_sent(tx: Tx, email_id: str, campaign_id: str, *, is_repeat: bool) -> None:
    """Count a sent message for its campaign.

    Unless it is a repetition, subscribers and other programs are notified of it.
    """
    EmailTally.update(sent=EmailTally.sent + 1).where(EmailTally.campaign == campaign_id).execute()
    numbers.count(campaign_id, sent_letter(id=email_id).get(), tx.now)
    if not is_repeat:
        tx.emit(EMAIL_SENT, {"campaign_id": campaign_id, "email_id": email_id})
        webhooks.SENT.emit(tx, webhooks.EmailPayload(email_id=email_id, campaign_id=campaign_id))


def requeue(tx: Tx, email_id: str, error: str) -> None:
    """Record that the message was certainly not delivered, and will be tried again."""
    with suppress(Cancelled):  # which its job finds out
        _set_status(tx, email_id, "QUEUED", error=error)
        _record_try(tx, email_id, "QUEUED", error)


def mark_failed(tx: Tx, email_id: str, error: str | None = None) -> None:
    """Record that the message was certainly not delivered and is not tried again.

    Without ``error``, the last one stays. A message that was cancelled or erased stays so.
    """
    with suppress(Cancelled):
        _set_status(tx, email_id, "FAILED", **({} if error is None else {"error": error}))
        _record_try(tx, email_id, "FAILED", error or "")
        count_as_failed(tx, email_id, campaign_of(id=email_id).get().campaign_id)


def count_as_failed(tx: Tx, email_id: str, campaign_id: str) -> None:
    """Count a failed message for its campaign, and notify other programs of it."""
    more = EmailTally.update(failed=EmailTally.failed + 1)
    more.where(EmailTally.campaign == campaign_id).execute()
    webhooks.FAILED.emit(tx, webhooks.EmailPayload(email_id=email_id, campaign_id=campaign_id))


def cancel(tx: Tx, email_id: str, **values: Any) -> bool:
    """Cancel a message that waits to be sent, and notify other programs; return whether it did.

    ``values`` are written with the status. Its job ends without it.
    """
    waits = (CampaignEmail.id == email_id) & (CampaignEmail.status == "QUEUED")
    update = CampaignEmail.update(status="CANCELLED", updated_at=tx.now, **values)
    if not update.where(waits).execute():
        return False
    campaign_id = campaign_of(id=email_id).get().campaign_id
    webhooks.CANCELLED.emit(tx, webhooks.EmailPayload(email_id=email_id, campaign_id=campaign_id))
    return True


def mark_unknown(tx: Tx, email_id: str) -> None:
    """Record that the message was perhaps delivered: only a person can find out."""
    with suppress(Cancelled):
        _set_status(tx, email_id, "UNKNOWN", error=NO_RESPONSE)
        _record_try(tx, email_id, "UNKNOWN", NO_RESPONSE)


def _record_try(tx: Tx, email_id: str, outcome: EmailStatus, reply: str) -> None:
    EmailTry.insert(email=email_id, at=tx.now, outcome=outcome, reply=reply).execute()


def _time_to_send(delivered: Delivery) -> timedelta:
    """Return how long it seems to take to hand over a message again: about as long as before."""
    if delivered.sending_at is None or delivered.sent_at is None:
        return timedelta(0)
    took = min(delivered.sent_at - delivered.sending_at, LONGEST_PRETENCE)
    return took * random.uniform(0.8, 1.25)  # noqa: S311  # no secret


def _set_status(tx: Tx, email_id: str, wanted: EmailStatus, **values: Any) -> None:
    if wanted in ("QUEUED", "FAILED"):
        # It was certainly not delivered: nothing keeps an equal message from being so.
        values |= {"delivery_key": None, "repeats": None}
    changed = (
        CampaignEmail.update(status=wanted, updated_at=tx.now, **values)
        .where(
            CampaignEmail.id == email_id,
            CampaignEmail.status.in_(sorted(states.statuses_before(wanted))),
        )
        .execute()
    )
    if not changed:
        email = CampaignEmail.get_or_none(CampaignEmail.id == email_id)
        if email is None or email.status == "CANCELLED":
            raise Cancelled
        raise states.IllegalTransition("the message", email.status, wanted)
