"""Links in mails: issued, read and used.

A token is the link's id, signed: a copy of the database opens nothing. Reading changes nothing, so
that programs which open the links of a mail before its reader does use none up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import BadSignature, NotFound, Text, new_id
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import EMAIL, INVITATION, PURPOSES
from changemaker_core.features.accounts.joining.queries import LinkRow, link_by_id
from changemaker_core.features.accounts.users.queries import account_by_id, lock_user

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Site, Tx
    from changemaker_core.features.accounts.joining.purposes import Purpose
    from changemaker_core.features.accounts.users.queries import Account

#: The job that sends the mail of a link.
SEND: Final = "accounts.send_link"
_SIGNER: Final = "accounts.link"


class LinkEnded(NotFound):
    """A link that is no longer valid, or never was; ``purpose`` is what it is or would be for."""

    def __init__(self, purpose: Purpose) -> None:
        super().__init__(
            Text("This link has expired, was used already, or a newer one has replaced it."),
            code="link_ended",
        )
        self.purpose = purpose


def issue(
    tx: Tx,
    purpose: Purpose,
    *,
    email: str,
    locale: str,
    user_id: str | None = None,
    return_to: str = "",
    mailed: bool = True,
) -> str:
    """Add a link and, if it is to be ``mailed``, enqueue its mail; return its id."""
    id = new_id()
    Link.insert(
        id=id,
        purpose=purpose.name,
        user=user_id,
        email=email,
        locale=locale,
        return_to=return_to,
        created_at=tx.now,
        expires_at=tx.now + purpose.lasts,
    ).execute()
    if mailed:
        tx.enqueue(SEND, {"link": id})
    return id


def address_of(site: Site, purpose: Purpose, id: str) -> str:
    """Return the address that the link with this id opens."""
    return site.url(f"{purpose.path}/{site.signer(_SIGNER).write(id)}")


async def read(site: Site, token: str, *purposes: Purpose) -> LinkRow:
    """Return the valid link of a token, for one of ``purposes``. Raise ``LinkEnded``."""
    try:
        id = site.signer(_SIGNER).read(token, str)
    except BadSignature:
        raise LinkEnded(purposes[0]) from None
    link = await site.db.one(link_by_id(id))
    if link is None or PURPOSES[link.purpose] not in purposes:
        raise LinkEnded(purposes[0])
    now = site.clock()
    if not link.is_valid(now):
        raise LinkEnded(PURPOSES[link.purpose])
    if link.user_id is not None:
        account = await site.db.one(account_by_id(link.user_id))
        _check_account(link, account, now)
    return link


def use(tx: Tx, link: LinkRow) -> Account | None:
    """End a link because it is used, and return the account of its user if it has one.

    All other links of this purpose end with it. Raise ``LinkEnded``: of two who use a link at the
    same time, one does.
    """
    if link.user_id is not None:
        lock_user(tx, link.user_id)  # before the link, as whoever changes the user does
    unused = (Link.id == link.id) & Link.ended_at.is_null() & (Link.expires_at > tx.now)
    if not Link.update(ended_at=tx.now).where(unused).execute():
        raise LinkEnded(PURPOSES[link.purpose])
    if link.user_id is None:
        end(tx, email=link.email, purpose=link.purpose)
        return None
    end(tx, user_id=link.user_id, purpose=link.purpose)
    account = account_by_id(link.user_id).one()
    _check_account(link, account, tx.now)
    return account


def end(
    tx: Tx, *, user_id: str | None = None, email: str | None = None, purpose: str | None = None
) -> None:
    """End the open links of a user or, without one, to an address: all, or those of a purpose."""
    whose = Link.user == user_id if user_id is not None else Link.email == email
    condition = whose & Link.ended_at.is_null()
    if purpose is not None:
        condition &= Link.purpose == purpose
    Link.update(ended_at=tx.now).where(condition).execute()


def _check_account(link: LinkRow, account: Account | None, now: datetime) -> None:
    """Raise ``LinkEnded`` if the user cannot use the link, or has another address by now."""
    is_invitation = link.purpose == INVITATION.name
    usable = account is not None and (
        account.is_invited(now) if is_invitation else account.is_open(now)
    )
    # A change of address goes to the new one.
    moved = account is not None and link.purpose != EMAIL.name and account.email != link.email
    if moved or not usable:
        raise LinkEnded(PURPOSES[link.purpose])
