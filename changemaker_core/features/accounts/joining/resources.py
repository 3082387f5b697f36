"""Joining over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import endpoint
from changemaker_core.features.accounts.joining import requests
from changemaker_core.features.accounts.joining.purposes import RESET, SIGN_IN
from changemaker_core.features.accounts.joining.schemas import (
    Asking,
    Join,
    Joined,
    ResetPassword,
    UseLink,
)
from changemaker_core.features.accounts.signing_in.services import Verified
from changemaker_core.features.accounts.tokens.schemas import CodeNeeded, Session
from changemaker_core.features.accounts.users.services import PasswordRefused

if TYPE_CHECKING:
    from changemaker_core import Request, Response
    from changemaker_core.features.accounts.tokens.sessions import Sessions

_ENDED = "The link has expired, was used, or a newer one has replaced it."
_CLOSED = "Registration is closed at this site."
_OFF = "This site has no links to sign in."


class RegisterResource:
    """``/api/auth/register``"""

    @endpoint(public=True, body=Asking, status=202, responses={403: _CLOSED})
    async def on_post(self, req: Request, resp: Response, *, body: Asking) -> None:
        """Have a link mailed to register with. Whoever has an account gets a mail that says so."""
        await requests.ask_to_register(req, body.email)


class JoinResource:
    """``/api/auth/join``"""

    @endpoint(public=True, body=Join, response=Joined, responses={404: _ENDED})
    async def on_post(self, req: Request, resp: Response, *, body: Join) -> Joined:
        """Finish a registration, or accept an invitation: choose a name and a password."""
        link = await requests.joining_link(req.site, body.token)
        try:
            return Joined(await requests.join(req, link, body.name, body.password), link.email)
        except PasswordRefused as refused:
            raise requests.refused(refused) from None


class ForgotPasswordResource:
    """``/api/auth/forgot-password``"""

    @endpoint(public=True, body=Asking, status=202)
    async def on_post(self, req: Request, resp: Response, *, body: Asking) -> None:
        """Have a link mailed to choose a new password. The response never tells whether the address
        has an account."""
        await requests.ask(req, RESET, body.email)


class ResetPasswordResource:
    """``/api/auth/reset-password``"""

    @endpoint(public=True, body=ResetPassword, status=204, responses={404: _ENDED})
    async def on_post(self, req: Request, resp: Response, *, body: ResetPassword) -> None:
        """Choose a new password. All sessions end."""
        try:
            await requests.reset(req, body.token, body.password)
        except PasswordRefused as refused:
            raise requests.refused(refused) from None


class MagicLinkResource:
    """``/api/auth/magic-link``"""

    @endpoint(public=True, body=Asking, status=202, responses={403: _OFF})
    async def on_post(self, req: Request, resp: Response, *, body: Asking) -> None:
        """Have a link mailed to sign in with. The response never tells whether the address has an
        account."""
        requests.check_magic_links(req.site)
        await requests.ask(req, SIGN_IN, body.email)


class MagicLinkSignInResource:
    """``/api/auth/magic-link/sign-in``"""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @endpoint(
        public=True, body=UseLink, response=Session | CodeNeeded, responses={403: _OFF, 404: _ENDED}
    )
    async def on_post(self, req: Request, resp: Response, *, body: UseLink) -> Session | CodeNeeded:
        """Sign in with the token of a link from a mail, once.

        Who uses two-factor sign-in sends their code next, as after the password.
        """
        account, _ = await requests.use_magic_link(req, body.token)
        return await self._sessions.open(req, Verified(account, None, req.visitor))


class EmailResource:
    """``/api/auth/email``"""

    @endpoint(permission="accounts.me.write", body=Asking, status=202, recent_sign_in=True)
    async def on_post(self, req: Request, resp: Response, *, body: Asking) -> None:
        """Have a link mailed to your new address. The present one stays until it is used."""
        await requests.change_email(req, body.email)


class VerifyEmailResource:
    """``/api/auth/verify-email``"""

    @endpoint(
        public=True,
        body=UseLink,
        status=204,
        responses={404: _ENDED, 409: "Another account has this address by now."},
    )
    async def on_post(self, req: Request, resp: Response, *, body: UseLink) -> None:
        """Confirm an email address with the token of the link that was mailed to it."""
        await requests.verify_email(req, body.token)
