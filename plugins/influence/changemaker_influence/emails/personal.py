"""Letters as personal data: of those who write them, and of those whom they are written to.

A letter that was delivered stays as a row of the ledger, without what was personal in it, so that
the counts of a campaign stay true. One that was not is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import (
    ERASED,
    GivenConsent,
    PersonalData,
    PersonalEntry,
    Retention,
    Text,
    delete_rows,
    export_rows,
)
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns.models import CustomRecipient
from changemaker_influence.directories.models import PostalCode
from changemaker_influence.emails.models import HAS_SENDER, CampaignEmail, EmailTry
from changemaker_influence.emails.services import cancel
from changemaker_influence.numbers import services as numbers
from changemaker_influence.numbers.models import SentToRecipient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from changemaker_core import Person, Tx

#: Letters that are erased in one transaction: other writers wait meanwhile.
BATCH: Final = 200
#: Certainly not delivered, and by no runner being handed over at the moment.
_UNDELIVERED: Final = ("QUEUED", "FAILED", "CANCELLED")
_DELIVERED: Final = ("SENT", "UNKNOWN")
#: What was personal in a letter, and what stands in its place.
_WITHOUT_SENDER: Final = {
    "sender_name": "",
    "sender_email": "",
    "postal_code": "",
    "subject": "",
    "body": "",
    "error": None,
    # A hash of what the letter said: who knows that could find it again.
    "delivery_key": None,
}
_WITHOUT_RECIPIENT: Final = {"recipient_name": ERASED, "recipient_email": "", "error": None}


def _written(person: Person) -> Any:
    return CampaignEmail.sender_email.in_(_addresses(person))


def _received(person: Person) -> Any:
    return CampaignEmail.recipient_email.in_(_addresses(person))


def _addresses(person: Person) -> list[str]:
    """Return the addresses as letters have them, which fold more than accounts do."""
    return sorted({*person.emails, *map(_as_in_letters, person.emails)})


def _as_in_letters(email: str) -> str:
    try:
        return canonical(email)
    except (InvalidAddress, HeaderInjection):  # such as no letter can have
        return email


def _export_written(person: Person) -> Iterator[dict[str, Any]]:
    """Yield the letters that a person wrote, with the tries to send each."""
    tries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    query: Any = EmailTry.select().join(CampaignEmail).where(_written(person))
    for each in query.order_by(EmailTry.id):
        tries[str(each.email_id)].append(
            {"at": each.at, "outcome": each.outcome, "reply": each.reply}
        )
    for row in export_rows(CampaignEmail, _written(person), without=(CampaignEmail.delivery_key,)):
        yield {**row, "tries": tries[str(row["id"])]}


def _erase_written(tx: Tx, person: Person) -> int:
    return _erase(tx, _written(person))


def _erase(tx: Tx, condition: Any) -> int:
    """Erase some letters, and the directory's entries of their postal codes: who has none of the
    letters can tell from these where somebody lives."""
    letters = (
        CampaignEmail.select(CampaignEmail.id, CampaignEmail.postal_code)
        .where(condition, CampaignEmail.status != "SENDING")
        .limit(BATCH)
    )
    rows = list(letters)
    ids = CampaignEmail.id.in_([row.id for row in rows])
    # One that a runner takes meanwhile is erased at the next call, or remains for now.
    erased = CampaignEmail.delete().where(ids, CampaignEmail.status.in_(_UNDELIVERED)).execute()
    delivered = ids & CampaignEmail.status.in_(_DELIVERED)
    update = CampaignEmail.update(updated_at=tx.now, **_WITHOUT_SENDER)
    erased += update.where(delivered).execute()
    _erase_tries([str(row.id) for row in rows])
    codes = {row.postal_code for row in rows if row.postal_code}
    compact = {code.replace(" ", "") for code in codes}
    PostalCode.delete().where(PostalCode.code.in_(sorted(codes | compact))).execute()
    return int(erased)


def _erase_received(tx: Tx, person: Person) -> int:
    """Anonymise the recipient of some letters; those that wait are not sent."""
    some = CampaignEmail.select(CampaignEmail.id).where(
        _received(person), CampaignEmail.status != "SENDING"
    )
    found = [str(row.id) for row in some.limit(BATCH)]
    erased = sum(cancel(tx, id, **_WITHOUT_RECIPIENT) for id in found)
    others = CampaignEmail.id.in_(found) & CampaignEmail.status.in_(
        ["FAILED", "CANCELLED", *_DELIVERED]
    )
    update = CampaignEmail.update(updated_at=tx.now, **_WITHOUT_RECIPIENT)
    erased += int(update.where(others & _received(person)).execute())
    _erase_tries(found)
    return erased


def _erase_tries(ids: list[str]) -> None:
    """Delete the replies of servers to letters, who may quote whoever wrote, or was written to."""
    EmailTry.delete().where(EmailTry.email.in_(ids)).execute()


def _old(before: datetime) -> Any:
    """Return the condition of letters of before a time, of which something is left to erase."""
    # PERF: by what they are not, so that SQLite looks for the few that are too old, and not for the
    # statuses that all have.
    is_final = CampaignEmail.status.not_in(["QUEUED", "SENDING"])
    return (CampaignEmail.created_at < before) & HAS_SENDER & is_final


def _as_read(row: Mapping[str, Any]) -> PersonalEntry:
    """Return a letter that the person wrote, as organisers read it."""
    consent = GivenConsent(
        text=row["consent_text"],
        version=row["consent_version"],
        language=row["consent_language"],
        at=row["consented_at"],
    )
    title = Text(
        "To {recipient}: {subject}", recipient=row["recipient_name"], subject=row["subject"]
    )
    return PersonalEntry(title, row["created_at"], consent, f"/admin/letters/{row['id']}")


def _as_received(row: Mapping[str, Any]) -> PersonalEntry:
    """Return a letter that the person was sent: its sender is not named."""
    return PersonalEntry(row["subject"] or ERASED, row["created_at"])


def _counted(person: Person) -> Any:
    return SentToRecipient.recipient.in_(_addresses(person))


def _own_recipients(person: Person) -> Any:
    return CustomRecipient.email.in_(_addresses(person))


PERSONAL_DATA: Final = (
    PersonalData(
        "influence.letters",
        Text("Messages to representatives"),
        (
            CampaignEmail.sender_name,
            CampaignEmail.sender_email,
            CampaignEmail.postal_code,
            CampaignEmail.subject,
            CampaignEmail.body,
            CampaignEmail.error,
            EmailTry.reply,
        ),
        export=_export_written,
        erase=_erase_written,
        keeps=Text(
            "That a message was sent in a campaign, when, to whom, and with which consent stays,"
            " without its sender and its text: the campaign counts it."
        ),
        retention=Retention(
            730,
            count=lambda before: CampaignEmail.select().where(_old(before)).count(),
            expire=lambda tx, before: _erase(tx, _old(before)),
        ),
        entry=_as_read,
    ),
    PersonalData(
        "influence.received_letters",
        Text("Messages that the person was sent in a campaign"),
        (CampaignEmail.recipient_name, CampaignEmail.recipient_email),
        export=lambda person: export_rows(
            CampaignEmail,
            _received(person),
            without=(
                CampaignEmail.delivery_key,
                CampaignEmail.sender_name,
                CampaignEmail.sender_email,
                CampaignEmail.postal_code,
            ),
        ),
        erase=_erase_received,
        keeps=Text("The text of a message stays: it is its sender's."),
        entry=_as_received,
    ),
    PersonalData(
        "influence.tallies",
        Text("How many messages of a campaign the person was sent"),
        (SentToRecipient.name, SentToRecipient.recipient),
        export=lambda person: export_rows(SentToRecipient, _counted(person)),
        erase=lambda _tx, person: numbers.erase(_counted(person), BATCH),
        keeps=Text("The number of messages stays, without name and address."),
    ),
    PersonalData(
        "influence.own_recipients",
        Text("Recipients that a campaign has added"),
        (CustomRecipient.name, CustomRecipient.email),
        export=lambda person: export_rows(CustomRecipient, _own_recipients(person)),
        erase=lambda _tx, person: delete_rows(CustomRecipient, _own_recipients(person)),
    ),
)
