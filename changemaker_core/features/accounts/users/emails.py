"""Email addresses that accounts can have, and stored ones that sign-in does not find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core import FieldError, Finding, Invalid, Text
from changemaker_core.features.accounts.users.models import User
from changemaker_core.mail import HeaderInjection, InvalidAddress, canonical_email

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site, Tx

#: Of an address as it is stored; RFC 5321 knows no longer ones.
_LONGEST: Final = 254


def check_email(email: str) -> str:
    """Return an address as it is stored. Raise ``Invalid`` for one that no account can have.

    The type ``Email`` is a pattern, which cannot tell whether there can be such a domain, or how
    long it is as the DNS has it.
    """
    try:
        address = canonical_email(email, strict=True)
    except (InvalidAddress, HeaderInjection):
        address = ""
    if not 0 < len(address) <= _LONGEST:
        problem = Text("Enter an email address such as name@example.org.")
        raise Invalid([FieldError("email", problem)])
    return address


class Spelling(NamedTuple):
    """An address that is stored in another spelling than ``canonical_email`` has.

    ``other`` is the account that has that one already, if any: nobody but a person can tell whether
    the two are of one person.
    """

    user_id: str
    email: str
    canonical: str
    other: str | None


def check_emails(site: Site) -> Iterator[Finding]:
    """Report accounts that nobody can sign in to, since their address is spelt in another way."""
    found = site.db.sync.read(_spellings)
    for each in found:
        if each.other is not None:
            yield Finding(
                "warning",
                f"{each.email} and {each.canonical} are one mailbox, and an account each. Only the"
                " second one can sign in.",
                f"Give the second one what the first has, then delete the account {each.user_id}:"
                f" DELETE /api/users/{each.user_id}.",
            )
    if count := sum(each.other is None for each in found):
        yield Finding(
            "error",
            f"{count} accounts cannot sign in: their email address is stored in a spelling that"
            " is not looked for, such as with capitals.",
            "Run `changemaker users respell-emails`.",
        )
    if not found:
        yield Finding("ok", "Each account is found by its email address.")


def respell(tx: Tx) -> list[Spelling]:
    """Store addresses as sign-in looks for them; return all that were in another spelling.

    What has another account stays as it is: accounts are never merged.
    """
    found = _spellings()
    for each in found:
        if each.other is None:
            changed = User.update(email=each.canonical, updated_at=tx.now)
            if changed.where(User.id == each.user_id, User.email == each.email).execute():
                tx.audit(
                    "accounts.user.email_respelt",
                    each.user_id,
                    person=each.user_id,
                    before={"email": each.email},
                    after={"email": each.canonical},
                    personal=("email",),
                )
    return found


def _spellings() -> list[Spelling]:
    rows = User.select(User.id, User.email).order_by(User.id)
    stored = [(str(row.id), str(row.email)) for row in rows]
    taken = {email: id for id, email in stored}
    found = []
    for id, email in stored:
        canonical = canonical_email(email)
        if canonical != email:
            found.append(Spelling(id, email, canonical, taken.get(canonical)))
            taken.setdefault(canonical, id)  # of two others the older one gets it
    return found
