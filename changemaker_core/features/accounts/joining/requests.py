"""What pages and the API of joining do with a request, which they only translate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import BadSignature, FieldError, Forbidden, Invalid, Text
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.joining import links, services
from changemaker_core.features.accounts.joining.purposes import (
    EMAIL,
    INVITATION,
    REGISTRATION,
    RESET,
    SIGN_IN,
)
from changemaker_core.features.accounts.joining.services import Asked
from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.passwords import hashing
from changemaker_core.features.accounts.signing_in.verification import hashed
from changemaker_core.features.accounts.users.emails import check_email
from changemaker_core.features.accounts.users.queries import account_by_email
from changemaker_core.features.accounts.users.services import PasswordRefused, check_password

if TYPE_CHECKING:
    from changemaker_core import Request, Site
    from changemaker_core.features.accounts.joining.purposes import Purpose
    from changemaker_core.features.accounts.joining.queries import LinkRow
    from changemaker_core.features.accounts.users.queries import Account


async def ask(req: Request, purpose: Purpose, email: str, signed_next: str = "") -> None:
    """Have a link mailed to an address, if its account allows it; nothing tells whether it does.

    Raise ``Invalid`` or ``LimitReached``.
    """
    asked = Asked(purpose, email, req.locale, _return_to(req.site, signed_next))
    await req.site.db.write(services.ask, asked, req.visitor)


async def ask_to_register(req: Request, email: str, signed_next: str = "") -> None:
    """Have the link to register mailed. Raise ``Forbidden``, ``Invalid`` or ``LimitReached``."""
    config = check_registration(req.site)
    domains = config.registration_domains
    if domains and check_email(email).rpartition("@")[2] not in config.ascii_domains():
        problem = Text("Use an address of {domains}.", domains=", ".join(domains))
        raise Invalid([FieldError("email", problem)])
    await ask(req, REGISTRATION, email, signed_next)


def check_registration(site: Site) -> AccountsConfig:
    """Return the configuration. Raise ``Forbidden`` where nobody registers themselves."""
    config = site.config_of(AccountsConfig)
    if config.registration == "closed":
        raise Forbidden(
            Text("Accounts of this site are by invitation. Ask the people who run it."),
            code="registration_closed",
        )
    return config


def check_magic_links(site: Site) -> None:
    """Raise ``Forbidden`` where links to sign in are turned off."""
    if not site.config_of(AccountsConfig).magic_links:
        raise Forbidden(
            Text("This site has no links to sign in. Use your password."),
            code="magic_links_off",
        )


async def joining_link(site: Site, token: str) -> LinkRow:
    """Return the valid link of a registration or invitation. Raise ``LinkEnded``."""
    link = await links.read(site, token, INVITATION, REGISTRATION)
    if (
        link.purpose == REGISTRATION.name
        and site.config_of(AccountsConfig).registration == "closed"
    ):
        raise links.LinkEnded(INVITATION)
    return link


async def join(req: Request, link: LinkRow, name: str, password: str) -> str:
    """Create or open the account of a link, and return its id.

    Raise ``PasswordRefused``, ``LinkEnded``, or what a full queue for hashing raises.
    """
    password_hash = await _checked_hash(req, password, link.email, name)
    rule = services.accept if link.purpose == INVITATION.name else services.register
    return await req.site.db.write(
        lambda tx: rule(tx, link, name=name, password_hash=password_hash)
    )


async def reset(req: Request, token: str, password: str) -> None:
    """Replace a forgotten password. Raise what ``join`` raises."""
    link = await links.read(req.site, token, RESET)
    account = await req.site.db.one(account_by_email(link.email))
    name = "" if account is None else account.name
    password_hash = await _checked_hash(req, password, link.email, name)
    await req.site.db.write(services.reset, link, password_hash)


async def use_magic_link(req: Request, token: str) -> tuple[Account, str]:
    """Use a link to sign in; return its account, and the path to go to or "".

    Raise ``LinkEnded``.
    """
    check_magic_links(req.site)
    link = await links.read(req.site, token, SIGN_IN)
    return await req.site.db.write(services.sign_in, link), link.return_to


async def change_email(req: Request, email: str) -> None:
    """Have a link mailed to a new address of the user.

    Raise ``Invalid``, ``LimitReached`` or ``Forbidden``.
    """
    user = user_of(req)
    await req.site.db.write(services.change_email, user.id, email, req.visitor)


async def verify_email(req: Request, token: str) -> None:
    """Confirm the address that a link went to. Raise ``LinkEnded`` or ``Conflict``."""
    link = await links.read(req.site, token, EMAIL)
    await req.site.db.write(services.verify_email, link)


def refused(error: PasswordRefused) -> Invalid:
    """Return the problem of a password that breaks a rule."""
    return Invalid([FieldError("password", error.args[0])])


async def _checked_hash(req: Request, password: str, email: str, name: str) -> str:
    check_password(req.site, password, email, name)
    with hashing.queue.place(req.visitor, is_known=False):
        return await hashed(password)


def _return_to(site: Site, signed: str) -> str:
    try:
        return site.signer("accounts.next").read(signed, str)
    except BadSignature:
        return ""
