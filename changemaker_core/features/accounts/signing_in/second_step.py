"""The second step of sign-in: a code of the authenticator, or a recovery code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import BadSignature, Text, Unauthorized
from changemaker_core.features.accounts.signing_in import services
from changemaker_core.features.accounts.twofactor.services import PURPOSE, use_code
from changemaker_core.features.accounts.users.queries import account_by_id

if TYPE_CHECKING:
    from changemaker_core import Request, Sealer, Tx
    from changemaker_core.features.accounts.signing_in.services import Verified

#: How long a person has for the code.
CHALLENGE_LASTS: Final = timedelta(minutes=5)
#: Of a path to return to, signed: browsers drop cookies of more than 4,096 bytes without a word.
#: Whoever comes from a longer address sees the first page of their menu.
_LONGEST_RETURN: Final = 1_500


class Challenge(msgspec.Struct, frozen=True):
    """A sign-in whose password was right and whose code is missing; signed, it is a token.

    ``path`` is the address that the password was sent to, and ``return_to`` leads on from there.
    """

    user_id: str
    updated_at: datetime
    source: str
    path: str
    return_to: str


class ChallengeOver(Unauthorized):
    """The password was given too long ago, or the account was changed since."""


def challenge(req: Request, verified: Verified, return_to: str = "") -> str:
    """Return a token with which the code completes the sign-in within five minutes."""
    account = verified.account
    if len(return_to) > _LONGEST_RETURN:
        return_to = ""
    held = Challenge(account.id, account.updated_at, verified.source, req.path, return_to)
    return req.site.signer("accounts.challenge").write(held, lasts=CHALLENGE_LASTS)


async def complete(req: Request, token: str, code: str) -> tuple[Verified, Challenge]:
    """Return the account that ``code`` completes the sign-in of, and what the token held.

    Raise ``Unauthorized`` for a wrong code, its subclass ``ChallengeOver`` where the password is
    needed again, or ``LimitReached``.
    """
    try:
        held = req.site.signer("accounts.challenge").read(token, Challenge)
    except BadSignature:
        raise over() from None
    account = await req.site.db.one(account_by_id(held.user_id))
    now = req.site.clock()
    if account is None or account.updated_at != held.updated_at or not account.is_open(now):
        raise over()
    verified = services.Verified(account, None, held.source)
    return await with_code(req, verified, code), held


async def with_code(req: Request, verified: Verified, code: str) -> Verified:
    """Return ``verified`` with the second factor; raise as ``complete`` does."""
    sealer = req.site.sealer(PURPOSE)
    if not await req.site.db.write(_try_code, sealer, verified, code):
        raise Unauthorized(Text("The code is wrong, or was used before."), code="wrong_code")
    return verified._replace(has_code=True)


def over() -> ChallengeOver:
    """Return the error of a challenge that is not valid any more."""
    return ChallengeOver(Text("That took too long. Sign in again."), code="challenge_over")


def _try_code(tx: Tx, sealer: Sealer, verified: Verified, code: str) -> bool:
    services.count_code(tx, verified)
    return use_code(tx, sealer, verified.account.id, code)
