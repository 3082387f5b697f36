"""A campaign's own recipients: those that it adds to the representatives of a directory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from changemaker_core import (
    Conflict,
    CsvColumn,
    CsvError,
    EditConflict,
    FieldError,
    Invalid,
    NotFound,
    Text,
    is_blank,
    new_id,
    read_csv,
)
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.models import CustomRecipient
from changemaker_influence.campaigns.schemas import NewRecipient, RecipientOut
from changemaker_influence.campaigns.services import lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import CsvRow, Tx
    from changemaker_influence.campaigns.schemas import RecipientChange

#: Characters of a name or a title.
LONGEST: Final = 200
#: Errors of a file that are shown: whoever fixes those sees the others then.
MOST_ERRORS: Final = 50
#: The columns of a file of recipients, in English and French.
COLUMNS: Final = (
    CsvColumn("name", required=True, also=("nom", "full name", "nom complet")),
    CsvColumn(
        "email",
        required=True,
        also=("e-mail", "email address", "e-mail address", "courriel", "adresse courriel"),
    ),
    CsvColumn("title", also=("titre", "fonction", "poste", "role", "position")),
)
WRONG_ADDRESS: Final = Text("Enter an email address such as name@example.org.")
_UNWRITTEN: Final = Text("Write at least one word.")
_TOO_MANY: Final = Text("This campaign has reached its maximum number of recipients.")
_EXISTS: Final = Text("This campaign already has a recipient with this address.")


class Imported(msgspec.Struct, frozen=True):
    """What became of a table of recipients: those added, and addresses that were there before."""

    added: int
    already_there: int


class FileRejected(Exception):
    """A file of recipients has errors, and none of its rows was added."""

    def __init__(self, errors: Sequence[CsvError]) -> None:
        super().__init__(f"{len(errors)} rows cannot be used")
        self.errors = errors


def version_of(recipient: RecipientOut) -> str:
    """Return what tells these values of a recipient from other ones: an edit of them names it."""
    text = "\0".join((recipient.name, recipient.title, recipient.email))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def find_recipient(campaign_id: str, id: str) -> RecipientOut:
    """Return a campaign's own recipient, inside a unit of work. Raises ``NotFound``."""
    found = queries.custom_recipient(campaign_id=campaign_id, id=id).one()
    if found is None:
        raise NotFound
    return found


def add_recipient(tx: Tx, campaign_id: str, new: NewRecipient) -> RecipientOut:
    """Add a recipient.

    Raises ``Invalid`` for a wrong address, ``Conflict`` for one that exists or for too many.
    """
    lock(campaign_id)
    email = _checked(new.name, new.email)
    present = queries.custom_recipients(campaign_id=campaign_id).all()
    if len(present) >= queries.MAX_CUSTOM_RECIPIENTS:
        raise Conflict(_TOO_MANY, code="too_many_recipients")
    if any(each.email == email for each in present):
        raise Conflict(_EXISTS, code="recipient_exists")
    return _insert(tx, campaign_id, msgspec.structs.replace(new, email=email))


def add_recipients(tx: Tx, campaign_id: str, new: Sequence[NewRecipient]) -> Imported:
    """Add several recipients, or none; an address that the campaign has already stays as it is.

    Raises ``Invalid`` with the errors of all of them, and ``Conflict`` for too many.
    """
    lock(campaign_id)
    errors: list[FieldError] = []
    wanted: dict[str, NewRecipient] = {}
    for index, each in enumerate(new):
        try:
            email = _checked(each.name, each.email)
        except Invalid as invalid:
            errors += [
                FieldError(f"recipients[{index}].{error.field}", error.message)
                for error in invalid.errors
            ]
        else:
            wanted.setdefault(email, msgspec.structs.replace(each, email=email))
    if errors:
        raise Invalid(errors)
    present = {each.email for each in queries.custom_recipients(campaign_id=campaign_id).all()}
    missing = [each for email, each in wanted.items() if email not in present]
    if len(present) + len(missing) > queries.MAX_CUSTOM_RECIPIENTS:
        problem = Text(
            "A campaign has at most {most} recipients of its own. This one has {present}, and the"
            " table would add {missing}.",
            most=queries.MAX_CUSTOM_RECIPIENTS,
            present=len(present),
            missing=len(missing),
        )
        raise Conflict(problem, code="too_many_recipients")
    for each in missing:
        _insert(tx, campaign_id, each)
    return Imported(added=len(missing), already_there=len(new) - len(missing))


def read_recipients(file: BinaryIO) -> list[NewRecipient]:
    """Return the recipients of a CSV file with the columns name, email and title.

    Reading blocks. Raises ``FileRejected`` with the errors of its lines.
    """
    errors: list[CsvError] = []
    found: list[NewRecipient] = []
    try:
        for row in read_csv(file, COLUMNS, report=errors.append):
            problem = _problem_of(row)
            if problem is None:
                found.append(_recipient_of(row))
            elif len(errors) < MOST_ERRORS:
                errors.append(row.error(problem))
            if len(found) > queries.MAX_CUSTOM_RECIPIENTS:
                errors = [
                    row.error(
                        Text(
                            "A campaign has at most {most} recipients of its own. A longer table is"
                            " a directory, which the operator of the site sets up.",
                            most=queries.MAX_CUSTOM_RECIPIENTS,
                        )
                    )
                ]
                break
    except CsvError as error:
        errors.append(error)
    if not found and not errors:
        errors.append(CsvError(Text("This file has headings, but no recipients below them.")))
    if errors:
        raise FileRejected(errors[:MOST_ERRORS])
    return found


def change_recipient(
    tx: Tx, campaign_id: str, id: str, wanted: RecipientChange, *, version: str | None = None
) -> RecipientOut:
    """Change a recipient. Messages that were written before go where they were addressed.

    ``version`` is what ``version_of`` returned for the values that were edited: where the
    recipient has others by now, ``EditConflict`` is raised. Raises ``NotFound``, ``Invalid`` for a
    wrong address, and ``Conflict`` for one that exists.
    """
    lock(campaign_id)
    before = find_recipient(campaign_id, id)
    if version is not None and version != version_of(before):
        stored = CustomRecipient.get_by_id(id)
        raise EditConflict(stored.updated_at or stored.created_at, stored.updated_by)
    values = {
        name: value
        for name, value in msgspec.structs.asdict(wanted).items()
        if value is not msgspec.UNSET
    }
    email = _checked(values.get("name", before.name), values.get("email", before.email))
    others = queries.custom_recipients(campaign_id=campaign_id).all()
    if any(each.email == email and each.id != id for each in others):
        raise Conflict(_EXISTS, code="recipient_exists")
    after = msgspec.structs.replace(before, **{**values, "email": email})
    if after != before:
        by = tx.actor.user_id if tx.actor else None
        changed = {"name": after.name, "title": after.title, "email": after.email}
        update = CustomRecipient.update(**changed, updated_at=tx.now, updated_by=by)
        update.where(CustomRecipient.id == id).execute()
        _audit_change(tx, campaign_id, before, after)
    return after


def remove_recipient(tx: Tx, campaign_id: str, id: str) -> None:
    """Remove a recipient. Messages to them stay, and are sent. Raises ``NotFound``."""
    lock(campaign_id)
    removed = find_recipient(campaign_id, id)
    own = (CustomRecipient.id == id) & (CustomRecipient.campaign == campaign_id)
    if not CustomRecipient.delete().where(own).execute():
        raise NotFound
    _audit(tx, "removed", campaign_id, before=removed)


def _insert(tx: Tx, campaign_id: str, new: NewRecipient) -> RecipientOut:
    id = new_id()
    CustomRecipient.insert(new, id=id, campaign=campaign_id, created_at=tx.now).execute()
    added = RecipientOut(id=id, name=new.name, title=new.title, email=new.email)
    _audit(tx, "added", campaign_id, after=added)
    return added


def _checked(name: str, email: str) -> str:
    """Return the canonical address. Raises ``Invalid`` with every error."""
    errors = [FieldError("name", _UNWRITTEN)] if is_blank(name) else []
    try:
        address = canonical(email)
    except (InvalidAddress, HeaderInjection):
        errors.append(FieldError("email", WRONG_ADDRESS))
    if errors:
        raise Invalid(errors)
    return address


def _problem_of(row: CsvRow) -> Text | None:
    """Return what is wrong with a row of a file."""
    try:
        _checked(row["name"], row["email"])
    except Invalid as invalid:
        wrong = {error.field for error in invalid.errors}
        if "name" in wrong:
            return Text("The name is missing.")
        return Text("“{email}” is not an email address.", email=row["email"][:100])
    longest = max(len(row["name"]), len(row["title"]))
    if longest > LONGEST:
        return Text("A name or a title has at most {most} characters.", most=LONGEST)
    return None


def _recipient_of(row: CsvRow) -> NewRecipient:
    """Return a recipient whose name and title are one line, whatever the cells hold."""
    name, title = (" ".join(row[column].split()) for column in ("name", "title"))
    return NewRecipient(name=_printable(name), email=row["email"], title=_printable(title))


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())


def _audit_change(tx: Tx, campaign_id: str, before: RecipientOut, after: RecipientOut) -> None:
    """Record a change. An entry is about one person: another address may be another person's."""
    if before.email == after.email:
        _audit(tx, "changed", campaign_id, before=before, after=after)
    else:
        _audit(tx, "removed", campaign_id, before=before)
        _audit(tx, "added", campaign_id, after=after)


def _audit(
    tx: Tx,
    what: str,
    campaign_id: str,
    *,
    before: RecipientOut | None = None,
    after: RecipientOut | None = None,
) -> None:
    """Record a campaign's own recipient, who is a person with a name and an address."""
    one = after or before
    if one is None:
        return
    tx.audit(
        f"influence.campaign.recipient_{what}",
        campaign_id,
        label=one.name,
        person=one.email,
        personal=("name", "title", "email"),
        before=msgspec.structs.asdict(before) if before else None,
        after=msgspec.structs.asdict(after) if after else None,
    )
