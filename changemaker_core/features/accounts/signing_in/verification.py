"""Verification of an email address and its password, whatever is opened with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Text, Unauthorized
from changemaker_core.features.accounts import passwords
from changemaker_core.features.accounts.passwords import hashing
from changemaker_core.features.accounts.signing_in import known_devices, services
from changemaker_core.features.accounts.signing_in.services import Verified
from changemaker_core.features.accounts.users.queries import Account, account_by_email
from changemaker_core.mail import canonical_email

if TYPE_CHECKING:
    from changemaker_core import Request


async def verify(req: Request, email: str, password: str) -> Verified:
    """Return the account of ``email`` if ``password`` is its password.

    Raise ``Unauthorized``, the same and after the same time whatever is wrong, ``LimitReached``
    where the visitor must wait, or ``Unavailable`` where too many sign in at the moment.
    """
    email, site = canonical_email(email), req.site
    account = await site.db.one(account_by_email(email))
    known = None if account is None else _known_source(req, account)
    source = known or req.visitor
    with hashing.queue.place(source, is_known=known is not None):
        await site.db.write(services.count_attempt, email, source)
        known_hash = account.password_hash if account is not None else None
        is_right = await hashing.on_thread(passwords.matches, password, known_hash)
        if account is None or not is_right or not account.is_open(site.clock()):
            await site.db.write(services.start_wait, email, source)
            raise wrong()
        new_hash = None
        if known_hash is not None and passwords.needs_rehash(known_hash):
            new_hash = await hashed(password)
        return Verified(account, new_hash, source)


async def hashed(password: str) -> str:
    """Return the hash of a password, made on one of the threads that hashing is limited to."""
    return await hashing.on_thread(passwords.hash_password, password)


def wrong() -> Unauthorized:
    """Return the one error of every sign-in that fails."""
    return Unauthorized(Text("The email address or password is wrong."))


def _known_source(req: Request, account: Account) -> str | None:
    """Return the session or device of ``req`` that is known to be this account's, if it is."""
    if req.session is not None and req.actor is not None and req.actor.id == account.id:
        return f"session {req.session.id}"
    device = known_devices.device_of(req)
    if device is not None and device.knows(account.id):
        return f"device {device.id}"
    return None
