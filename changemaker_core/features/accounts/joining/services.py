"""Rules of joining: what visitors ask for by mail, and what links do.

Functions take and return plain values and know nothing of HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import peewee

from changemaker_core import Conflict, LimitReached, Text
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.joining import links, mails
from changemaker_core.features.accounts.joining.purposes import (
    ASKED,
    EMAIL,
    INVITATION,
    PER_VISITOR,
    REGISTRATION,
    RESET,
    Purpose,
)
from changemaker_core.features.accounts.roles.roles import USER
from changemaker_core.features.accounts.users import services as users
from changemaker_core.features.accounts.users.emails import check_email
from changemaker_core.features.accounts.users.models import ACTIVE, User
from changemaker_core.features.accounts.users.queries import (
    account_by_email,
    account_by_id,
    lock_user,
)

if TYPE_CHECKING:
    from changemaker_core import Site, Tx
    from changemaker_core.features.accounts.joining.queries import LinkRow
from changemaker_core.features.accounts.users.queries import Account

#: The job that finds out what to do with what a visitor asked for, and the one of notices.
RESPOND: Final = "accounts.respond"
NOTICE: Final = "accounts.send_notice"


class Asked(NamedTuple):
    """What a visitor asked for: a link to an email address."""

    purpose: Purpose
    email: str
    locale: str
    return_to: str = ""


def ask(tx: Tx, asked: Asked, visitor: str) -> None:
    """Enqueue what a visitor asked for. Nothing in here depends on whether there is an account.

    Raise ``Invalid`` for an address that no mail can go to, and ``LimitReached`` for a visitor who
    asks too often. An address that was sent as many mails as there may be gets no further one.
    """
    email = check_email(asked.email)
    PER_VISITOR.take(tx, visitor)
    try:
        asked.purpose.per_address.take(tx, email)
    except LimitReached:
        return
    payload = {"purpose": asked.purpose.name, "email": email, "locale": asked.locale}
    tx.enqueue(RESPOND, {**payload, "return_to": asked.return_to})


def respond(tx: Tx, asked: Asked) -> None:
    """Issue the link that was asked for, if the account allows it.

    Who was invited gets the invitation once more, whatever they ask for. Anybody can ask in their
    name, so the links that they have stay valid, and only a few mails a day are sent.
    """
    account = account_by_email(asked.email).one()
    if account is None:
        if asked.purpose == REGISTRATION:
            links.issue(
                tx,
                REGISTRATION,
                email=asked.email,
                locale=asked.locale,
                return_to=asked.return_to,
            )
    elif account.is_invited(tx.now):
        _invite_again(tx, account)
    elif account.is_open(tx.now):
        if asked.purpose == REGISTRATION:
            notify(tx, mails.ALREADY_REGISTERED.name, account.id, account.email)
        else:
            _issue(tx, asked.purpose, account, asked.return_to)


def hand_out(tx: Tx, site: Site, purpose: Purpose, email: str, *, mailed: bool) -> str:
    """Issue a link in the name of the operator, who passes it on where it is not ``mailed``.

    For whoever was invited, a link to register is their invitation. Return the address that it
    opens. Raise ``Invalid`` for an email address that no mail can go to, ``UnknownUser``, or
    ``Conflict`` for an account that cannot use the link.
    """
    email = check_email(email)
    account = account_by_email(email).one()
    if account is not None:
        purpose = _usable(tx, purpose, account)
        id = _issue(tx, purpose, account, mailed=mailed)
    elif purpose == REGISTRATION:
        if site.config_of(AccountsConfig).registration == "closed":
            raise Conflict(
                Text("{email} has no invitation, and registration is closed.", email=email)
            )
        id = links.issue(tx, purpose, email=email, locale=site.default_locale, mailed=mailed)
    else:
        raise users.UnknownUser(Text("{email} has no account.", email=email))
    owner = "" if account is None else account.id
    tx.audit("accounts.link.issued", id, label=purpose.name, person=owner)
    return links.address_of(site, purpose, id)


def _usable(tx: Tx, purpose: Purpose, account: Account) -> Purpose:
    """Return the purpose of a link that the account can use. Raise ``Conflict``."""
    if account.is_invited(tx.now) and purpose == REGISTRATION:
        return INVITATION
    if account.is_open(tx.now) and purpose != REGISTRATION:
        return purpose
    if account.is_open(tx.now):
        problem = Text("{email} already has an account.", email=account.email)
    else:
        problem = Text("The account of {email} is not open.", email=account.email)
    raise Conflict(problem, code="link_unusable")


def invite(tx: Tx, account: Account) -> str:
    """Send an invitation, which replaces any former one; return the id of its link."""
    links.end(tx, user_id=account.id, purpose=INVITATION.name)
    return _issue(tx, INVITATION, account)


def _invite_again(tx: Tx, account: Account) -> None:
    try:
        ASKED.take(tx, account.id)
    except LimitReached:
        return
    _issue(tx, INVITATION, account)


def confirm_new_email(tx: Tx, account: Account, *, former: str) -> None:
    """Have the owner of an address confirm it that somebody else has set for their account.

    The former one is notified; who was invited gets the invitation at the new one.
    """
    if account.is_invited(tx.now):
        invite(tx, account)
    elif account.is_open(tx.now):
        links.end(tx, user_id=account.id, purpose=EMAIL.name)
        _issue(tx, EMAIL, account)
        notify(tx, mails.EMAIL_CHANGED.name, account.id, former)


def register(tx: Tx, link: LinkRow, *, name: str, password_hash: str) -> str:
    """Create the account of a registration's link, and return its id. Raise ``LinkEnded``."""
    links.use(tx, link)
    try:
        return users.create_user(
            tx,
            email=link.email,
            name=name,
            role=USER,
            password_hash=password_hash,
            locale=link.locale,
            email_verified_at=tx.now,
        )
    except users.EmailTaken:  # it was created since, in another way
        raise links.LinkEnded(RESET) from None


def accept(tx: Tx, link: LinkRow, *, name: str, password_hash: str) -> str:
    """Accept an invitation: the account is open from then on. Raise ``LinkEnded``."""
    account = _used(tx, link)
    User.update(
        name=name,
        password_hash=password_hash,
        status=ACTIVE,
        email_verified_at=tx.now,
        updated_at=tx.now,
    ).where(User.id == account.id).execute()
    user = User.get(User.id == account.id)
    before = {"name": account.name, "status": account.status}
    users.audit_user(tx, "joined", user, before=before, after={"name": name, "status": ACTIVE})
    return account.id


def reset(tx: Tx, link: LinkRow, password_hash: str) -> str:
    """Replace a forgotten password; every session and link of the user ends.

    Return the id of the user, who is told by mail. Raise ``LinkEnded``.
    """
    account = _used(tx, link)
    users.set_password(tx, account.id, password_hash)
    _note_verified(tx, account)
    notify(tx, mails.PASSWORD_CHANGED.name, account.id, account.email)
    return account.id


def change_password(tx: Tx, account: Account, password_hash: str) -> Account | None:
    """Replace the password of ``account``, whose present one was right; every session and link of
    the user ends, and they are told by mail.

    Return the account as it is then, or ``None`` if it was changed since it was read: whoever knew
    the former password must not win against its owner, who has replaced it meanwhile.
    """
    lock_user(tx, account.id)
    now = account_by_id(account.id).one()
    if now is None or now.updated_at != account.updated_at:
        return None
    users.set_password(tx, account.id, password_hash)
    notify(tx, mails.PASSWORD_CHANGED.name, account.id, now.email)
    return account_by_id(account.id).one()


def sign_in(tx: Tx, link: LinkRow) -> Account:
    """Use a link to sign in, and return the account. Raise ``LinkEnded``."""
    account = _used(tx, link)
    _note_verified(tx, account)
    return account


def change_email(tx: Tx, user_id: str, email: str, visitor: str) -> None:
    """Send a link to a user's new address, or to the present one to confirm it.

    The address of the account stays until it is used. Whether the new one has an account already
    is not revealed: its owner is told instead. Raise ``LimitReached`` or ``Invalid``.
    """
    PER_VISITOR.take(tx, visitor)
    EMAIL.per_address.take(tx, user_id)
    lock_user(tx, user_id)
    account = account_by_id(user_id).get()
    email = check_email(email)
    owner = account_by_email(email).one()
    links.end(tx, user_id=user_id, purpose=EMAIL.name)
    if owner is None or owner.id == user_id:
        links.issue(tx, EMAIL, email=email, locale=account.locale, user_id=user_id)
    elif owner.is_open(tx.now):
        notify(tx, mails.ALREADY_REGISTERED.name, owner.id, owner.email)


def verify_email(tx: Tx, link: LinkRow) -> str:
    """Confirm the address of a link: it becomes that of the account, whose former one is told.

    Return the id of the user. Raise ``LinkEnded``, or ``Conflict`` for one in use by now.
    """
    account = _used(tx, link)
    if link.email == account.email:
        _note_verified(tx, account)
        return account.id
    taken = Conflict(Text("{email} already has an account.", email=link.email), code="email_taken")
    if account_by_email(link.email).one() is not None:
        raise taken
    changed = User.update(email=link.email, email_verified_at=tx.now, updated_at=tx.now)
    try:
        with tx.savepoint():
            changed.where(User.id == account.id).execute()
    except peewee.IntegrityError:  # PostgreSQL: another process, since the look above
        raise taken from None
    links.end(tx, user_id=account.id)
    notify(tx, mails.EMAIL_CHANGED.name, account.id, account.email)
    users.audit_user(
        tx,
        "email_changed",
        User.get(User.id == account.id),
        before={"email": account.email},
        after={"email": link.email},
    )
    return account.id


def notify(tx: Tx, mail: str, user_id: str, email: str) -> None:
    """Enqueue a notice to the owner of an account."""
    tx.enqueue(NOTICE, {"mail": mail, "user": user_id, "email": email})


def _issue(
    tx: Tx, purpose: Purpose, account: Account, return_to: str = "", mailed: bool = True
) -> str:
    return links.issue(
        tx,
        purpose,
        email=account.email,
        locale=account.locale,
        user_id=account.id,
        return_to=return_to,
        mailed=mailed,
    )


def _used(tx: Tx, link: LinkRow) -> Account:
    account = links.use(tx, link)
    if account is None:
        raise links.LinkEnded(INVITATION)
    return account


def _note_verified(tx: Tx, account: Account) -> None:
    """Store that the user has opened a link in a mail to their address."""
    unverified = (User.id == account.id) & User.email_verified_at.is_null()
    if User.update(email_verified_at=tx.now).where(unverified).execute():
        users.audit_user(tx, "email_verified", User.get(User.id == account.id))
