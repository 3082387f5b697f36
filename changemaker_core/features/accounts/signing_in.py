"""Verification of an email address and its password, whatever is opened with them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from changemaker_core import Text, Unauthorized
from changemaker_core.features.accounts import passwords, services
from changemaker_core.features.accounts.queries import Account, account_by_email

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Site

# Two at a time: each takes a core and 64 MiB for a third of a second.
_hashing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
R = TypeVar("R")


class Verified(NamedTuple):
    """An account whose password was right; ``new_hash`` where it should be hashed anew."""

    account: Account
    new_hash: str | None


async def verify(site: Site, email: str, password: str, visitor: str) -> Verified:
    """Return the account of ``email`` if ``password`` is its password.

    Raise ``Unauthorized``, the same and after the same time whatever is wrong, or ``LimitReached``
    where the visitor or the account must wait.
    """
    email = email.casefold()
    await site.db.write(services.count_attempt, email, visitor)
    account = await site.db.one(account_by_email(email))
    known_hash = account.password_hash if account is not None else None
    is_right = await _on_thread(passwords.matches, password, known_hash)
    if account is None or not is_right or account.status != "ACTIVE":
        await site.db.write(services.start_wait, email)
        raise wrong()
    new_hash = None
    if passwords.needs_rehash(account.password_hash):
        new_hash = await hashed(password)
    return Verified(account, new_hash)


async def hashed(password: str) -> str:
    """Return the hash of a password, made on one of the threads that hashing is limited to."""
    return await _on_thread(passwords.hash_password, password)


def wrong() -> Unauthorized:
    """Return the one error of every sign-in that fails."""
    return Unauthorized(Text("The email address or password is wrong."))


async def _on_thread(func: Callable[..., R], *args: object) -> R:
    return await asyncio.get_running_loop().run_in_executor(_hashing, func, *args)
