"""What ``changemaker doctor`` says about two-factor sign-in: roles that need it, its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import BadSeal, Check, Finding
from changemaker_core.features.accounts.roles.queries import stored_roles
from changemaker_core.features.accounts.roles.roles import by_name, roles_of
from changemaker_core.features.accounts.twofactor.queries import authenticators
from changemaker_core.features.accounts.twofactor.services import PURPOSE, place_of
from changemaker_core.features.accounts.users.queries import account_by_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site

#: Unreadable secrets that are named; of more than these, the rest is counted.
_NAMED: Final = 5


def check_roles(site: Site) -> Iterator[Finding]:
    """Report roles that are to need two-factor sign-in and that there are not, and roles that do
    not need it though they allow most of what one does that needs it."""
    roles = roles_of(site)
    stored = by_name(site.db.sync.all(stored_roles()))
    known = {*roles.declared, *stored}
    unknown = ", ".join(sorted(roles.two_factor - known))
    if unknown:
        fix = f"Correct accounts.two_factor_roles. The roles are: {', '.join(sorted(known))}."
        yield Finding("error", f"There is no role {unknown}: it needs no second factor.", fix)
    else:
        needed = ", ".join(sorted(each for each in known if roles.needs_two_factor(each, stored)))
        yield Finding("ok", f"Two-factor sign-in is needed by: {needed or 'no role'}.")
    for role in sorted(known):
        if (like := roles.nearly_needs_two_factor(role, stored)) is not None:
            detail = f"The role {role} allows most of what {like} does, and needs no second factor."
            yield Finding("warning", detail, f"Add {role} to accounts.two_factor_roles.")


def check_secrets(site: Site) -> Iterator[Finding]:
    """Report authenticators whose secret cannot be read: these people cannot use their codes."""
    sealer = site.sealer(PURPOSE)
    unreadable = []
    for row in site.db.sync.all(authenticators()):
        try:
            sealer.unseal(row.secret, place=place_of(row.user))
        except BadSeal:
            unreadable.append(row.user)
    if unreadable:
        found = [site.db.sync.one(account_by_id(id)) for id in unreadable[:_NAMED]]
        named = ", ".join(account.email for account in found if account is not None)
        more = f" and {len(unreadable) - _NAMED} others" if len(unreadable) > _NAMED else ""
        detail = f"The codes of {named}{more} cannot be checked."
        fix = (
            "Add the former secret_key to previous_secret_keys, or let these people sign in "
            "without: `changemaker users reset-two-factor EMAIL`."
        )
        yield Finding("error", detail, fix)
    else:
        yield Finding("ok", "All authenticators can be checked.")


CHECKS: Final = (
    Check(
        "accounts.two_factor_roles",
        check_roles,
        keys=("accounts.two_factor_roles",),
        requires=("migrations",),
    ),
    Check("accounts.authenticators", check_secrets, requires=("migrations",)),
)
