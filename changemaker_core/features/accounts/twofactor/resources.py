"""Two-factor sign-in over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from changemaker_core import Conflict, FieldError, Invalid, endpoint
from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.twofactor import services, setup
from changemaker_core.features.accounts.twofactor.queries import two_factor_of
from changemaker_core.features.accounts.twofactor.schemas import (
    RecoveryCodes,
    Setup,
    TwoFactorOut,
    VerifySetup,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site

#: What the rules raise, as HTTP says it.
ERRORS = {
    services.AlreadyOn: Conflict(code="two_factor_is_on"),
    services.NotOn: Conflict(code="two_factor_is_off"),
    services.WrongCode: lambda error: Invalid([FieldError("code", error.args[0])]),
}


class TotpResource:
    """``/api/auth/totp``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read", response=TwoFactorOut)
    async def on_get(self, req: Request, resp: Response) -> TwoFactorOut:
        """Whether you use two-factor sign-in."""
        standing = await self._site.db.one(two_factor_of(user_of(req).id))
        left = 0 if standing is None else standing.recovery_codes_left
        return TwoFactorOut(enabled=standing is not None, recovery_codes_left=left)


class EnableResource:
    """``/api/auth/totp/enable``"""

    errors: ClassVar = ERRORS

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", recent_sign_in=True, response=Setup)
    async def on_post(self, req: Request, resp: Response) -> Setup:
        """Set up an authenticator app. Nothing changes until its first code is verified."""
        user = user_of(req)
        if await self._site.db.one(two_factor_of(user.id)) is not None:
            raise services.already_on()
        return await setup.begin(self._site, user.id)


class VerifyResource:
    """``/api/auth/totp/verify``"""

    errors: ClassVar = ERRORS

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(
        permission="accounts.me.write",
        recent_sign_in=True,
        body=VerifySetup,
        response=RecoveryCodes,
        rate_limit="20/minute",
    )
    async def on_post(self, req: Request, resp: Response, *, body: VerifySetup) -> RecoveryCodes:
        """Turn two-factor sign-in on with the app's first code.

        The recovery codes are shown in this response and never again. All other sessions end.
        """
        codes = await setup.finish(req, body.setup, body.code)
        return RecoveryCodes(recovery_codes=codes)


class DisableResource:
    """``/api/auth/totp/disable``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", recent_sign_in=True, status=204)
    async def on_post(self, req: Request, resp: Response) -> None:
        """Turn two-factor sign-in off."""
        await self._site.db.write(services.turn_off, user_of(req).id)


class RecoveryCodesResource:
    """``/api/auth/totp/recovery-codes``"""

    errors: ClassVar = ERRORS

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", recent_sign_in=True, response=RecoveryCodes)
    async def on_post(self, req: Request, resp: Response) -> RecoveryCodes:
        """Make new recovery codes. The former ones are not valid any more."""
        codes = await self._site.db.write(services.regenerate, user_of(req).id)
        return RecoveryCodes(recovery_codes=codes)
