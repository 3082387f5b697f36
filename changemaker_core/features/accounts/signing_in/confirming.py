"""Confirmation of a password by a person who is signed in, before what is dangerous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.sessions import services as sessions
from changemaker_core.features.accounts.sessions.requests import ended
from changemaker_core.features.accounts.signing_in.second_step import with_code
from changemaker_core.features.accounts.signing_in.verification import verify
from changemaker_core.features.accounts.users.queries import account_by_id

if TYPE_CHECKING:
    from changemaker_core import Request


async def confirm(req: Request, password: str, code: str = "") -> None:
    """Store that the user of a request has proved now who they are.

    ``code`` is needed by those who have turned on two-factor sign-in. Raise ``Unauthorized``,
    ``LimitReached`` or ``Unavailable``, as sign-in does.
    """
    user, site = user_of(req), req.site
    account = await site.db.one(account_by_id(user.id))
    if account is None or req.sign_in is None:
        raise ended()
    verified = await verify(req, account.email, password)
    if verified.needs_code:
        verified = await with_code(req, verified, code)
    if not await site.db.write(sessions.confirm, req.sign_in.id, verified):
        raise ended()
    req.sign_in = req.sign_in._replace(at=site.clock())
