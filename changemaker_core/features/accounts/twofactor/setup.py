"""Setting up an authenticator: the secret that a person scans, until its first code is typed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import BadSignature, Text
from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.twofactor import codes, services
from changemaker_core.features.accounts.twofactor.schemas import Setup
from changemaker_core.features.accounts.users.queries import account_by_id

if TYPE_CHECKING:
    from changemaker_core import Request, Site

_LASTS: Final = timedelta(minutes=15)


async def begin(site: Site, user_id: str) -> Setup:
    """Return a new authenticator for a user. Nothing is stored: a signed token has the secret."""
    account = await site.db.get(account_by_id(user_id))
    secret = codes.new_secret()
    uri = codes.provisioning_uri(secret, account=account.email, issuer=site.organisation)
    return Setup(secret=secret, uri=uri, setup=_token(site, user_id, secret))


async def again(site: Site, user_id: str, token: str) -> Setup:
    """Return the authenticator of a setup token, or a new one where it is not valid any more."""
    try:
        secret = _secret(site, user_id, token)
    except services.WrongCode:
        return await begin(site, user_id)
    account = await site.db.get(account_by_id(user_id))
    uri = codes.provisioning_uri(secret, account=account.email, issuer=site.organisation)
    return Setup(secret=secret, uri=uri, setup=token)


async def finish(req: Request, token: str, code: str) -> list[str]:
    """Turn two-factor sign-in on for the user of a request, and return the recovery codes.

    All of their other sessions end. Raise ``WrongCode`` or ``AlreadyOn``.
    """
    site, user_id = req.site, user_of(req).id
    return await site.db.write(
        services.turn_on,
        site.sealer(services.PURPOSE),
        user_id,
        secret=_secret(site, user_id, token),
        code=code,
        session=None if req.sign_in is None else req.sign_in.id,
    )


def _token(site: Site, user_id: str, secret: str) -> str:
    return site.signer("accounts.two-factor-setup").write((user_id, secret), lasts=_LASTS)


def _secret(site: Site, user_id: str, token: str) -> str:
    """Return the secret in a user's setup token."""
    try:
        owner, secret = site.signer("accounts.two-factor-setup").read(token, tuple[str, str])
    except BadSignature:
        owner = secret = ""
    if owner != user_id:
        raise services.WrongCode(Text("The set-up took too long. Scan the new code."))
    return secret
