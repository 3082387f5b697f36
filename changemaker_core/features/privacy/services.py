"""Exporting and erasing what a site stores about a person.

Functions block for the database: call them from commands and jobs, or on a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Conflict, FieldError, Forbidden, Invalid, InvalidId, Text
from changemaker_core.features.accounts.api import (
    account_by_email,
    account_by_id,
    check_may_manage,
)
from changemaker_core.features.privacy.declarations import Person, PersonalData
from changemaker_core.mail import Address, HeaderInjection, InvalidAddress, canonical_email

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from changemaker_core import Actor, Site, Tx

#: The kind by which others of a person are found, where these have the id of an account only.
_ACCOUNTS: Final = "accounts.users"


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored about a person of one kind of data."""

    kind: PersonalData
    rows: list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of one kind were erased, and how many remain for now."""

    kind: PersonalData
    erased: int
    remaining: int


def kinds_of(site: Site) -> list[PersonalData]:
    """Return all kinds of personal data of a site, in load order of the plugins."""
    return [each.item for each in site.call_hook("privacy_register_personal_data", site=site)]


def find_person(site: Site, named: Iterable[str]) -> Person:
    """Return the person with these email addresses, each in any spelling, or ids of accounts.

    Raise ``Invalid`` for what is neither, and for the addresses of the site itself, which stand in
    what concerns everybody.
    """
    emails = [_email_of(site, each.strip()) for each in named]
    own = _own_addresses(site)
    problems = [_problem_of(each, own) for each in emails]
    if any(problems):
        raise Invalid([FieldError("emails", each) for each in problems if each is not None])
    folded = tuple(dict.fromkeys(canonical_email(each) for each in emails))
    accounts = (site.db.sync.one(account_by_email(each)) for each in folded)
    return Person(folded, tuple(each.id for each in accounts if each is not None))


def find_person_for(site: Site, by: Actor | None, named: Iterable[str]) -> Person:
    """Return a person whose data ``by`` may handle.

    Raise what ``find_person`` does, and ``Forbidden`` for the account of somebody who may do more
    than they.
    """
    person = find_person(site, named)
    for id in person.user_ids:
        if by is None:
            raise Forbidden
        site.db.sync.read(check_may_manage, site, by, id)
    return person


def held_about(site: Site, person: Person) -> list[Held]:
    """Return everything that is stored about a person, by kind."""
    return [Held(kind, site.db.sync.read(_rows, kind, person)) for kind in kinds_of(site)]


def export(
    site: Site, person: Person, translate: Callable[[str], str] = str
) -> tuple[list[Held], dict[str, Any]]:
    """Return what is stored about a person, and the document that JSON is made of.

    The audit log has who exported whose data, where there is any.
    """
    held = _read(site, person, "privacy.person.exported")
    return held, _document(site, person, held, translate)


def _document(
    site: Site, person: Person, held: Iterable[Held], translate: Callable[[str], str]
) -> dict[str, Any]:
    return {
        "format": "changemaker.personal-data/1",
        "site": site.config.base_url,
        "organisation": site.organisation,
        "exported_at": site.clock(),
        "emails": person.emails,
        "data": [
            {"name": each.kind.name, "label": translate(each.kind.label), "rows": each.rows}
            for each in held
        ],
    }


def check_erasable(site: Site, person: Person, by: Actor | None = None) -> None:
    """Raise ``Conflict`` where a kind of data cannot be erased at present, and where the person is
    ``by``, who would erase the account that they act with."""
    if by is not None and by.user_id in person.user_ids:
        raise Conflict(Text("Ask another administrator to erase your account."))
    for kind in kinds_of(site):
        reason = kind.obstacle and site.db.sync.read(kind.obstacle, person)
        if reason:
            raise Conflict(reason, code="cannot_be_erased")


def erase(
    site: Site, person: Person, report: Callable[[Erased], None] = lambda _: None
) -> list[Erased]:
    """Erase what is stored about a person, and return how much of each kind.

    Each transaction erases a bounded number of rows. Data of plugins goes first and accounts last,
    so that after an interruption the next call finds the same person, and finishes. Accounts stay
    while something remains that is found by them. ``report`` is called after each kind. Raise
    ``Conflict`` where something keeps the person from being erased: then nothing was, or, where
    that came up meanwhile, all but their account.
    """
    check_erasable(site, person)
    kinds = kinds_of(site)
    if any(site.db.sync.read(_rows, kind, person) for kind in kinds):
        # First, since whoever erases themself has a name in this entry too.
        site.db.sync.write(_record_erasure, person)
    done: list[Erased] = []
    for kind in reversed(kinds):
        stays = kind.name == _ACCOUNTS and any(each.remaining for each in done)
        erased = 0 if stays else _erase_kind(site, kind, person)
        remaining = len(site.db.sync.read(_rows, kind, person))
        done.append(Erased(kind, erased, remaining))
        report(done[-1])
    return done


def look_up(site: Site, person: Person) -> list[Held]:
    """Return what an erasure would erase. The audit log has who looked whose data up, where there
    is any."""
    return _read(site, person, "privacy.person.looked_up")


def _read(site: Site, person: Person, action: str) -> list[Held]:
    """Return what is stored about a person, and record that it was read.

    NOTE(traces): of an address that nothing is stored about, an entry would be the first.
    """
    held = held_about(site, person)
    if any(each.rows for each in held):
        site.db.sync.write(_record, action, person)
    return held


def _record_erasure(tx: Tx, person: Person) -> None:
    """Record that a person was erased, by the ids of accounts that are gone then."""
    tx.audit("privacy.person.erased", next(iter(person.user_ids), ""))


def _record(tx: Tx, action: str, person: Person) -> None:
    """Record whose data was read; the address goes when the person is erased."""
    email, id = person.emails[0], next(iter(person.user_ids), "")
    tx.audit(action, id, label=email, person=id or email)


def _rows(kind: PersonalData, person: Person) -> list[Mapping[str, Any]]:
    return list(kind.export(person))


def _erase_kind(site: Site, kind: PersonalData, person: Person) -> int:
    erased = 0
    while count := site.db.sync.write(kind.erase, person):
        erased += count
    return erased


def _email_of(site: Site, named: str) -> str:
    """Return the address of the account whose id is given; anything else as it is."""
    if "@" in named:
        return named
    try:
        account = site.db.sync.one(account_by_id(named))
    except InvalidId:
        return named
    return named if account is None else account.email


def _fits(email: str) -> bool:
    try:
        Address("", email).envelope  # noqa: B018  # raises
    except (InvalidAddress, HeaderInjection):
        return False
    return True


def _own_addresses(site: Site) -> frozenset[str]:
    """Return the canonical addresses that the site's mail comes from, and that replies go to."""
    chosen, configured = site.mail_settings, Address.parse(site.config.mail_from)
    addresses = (configured.email, chosen.from_address, chosen.reply_to)
    return frozenset(canonical_email(each) for each in addresses if each)


def _problem_of(email: str, own: Container[str]) -> Text | None:
    if not _fits(email):
        return Text("{email} is no email address.", email=email)
    if canonical_email(email) in own:
        return Text(
            "{email} is an address of the site itself, which stands in mail to everybody. Enter the"
            " address of a person.",
            email=email,
        )
    return None
