"""Sign-in over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from changemaker_core import Unauthorized, endpoint
from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.signing_in import known_devices, second_step
from changemaker_core.features.accounts.signing_in.confirming import confirm
from changemaker_core.features.accounts.tokens.schemas import (
    CodeNeeded,
    Confirm,
    Login,
    LoginCode,
    MeChange,
    Refresh,
    Session,
    UserOut,
)
from changemaker_core.features.accounts.users.queries import account_by_id
from changemaker_core.features.accounts.users.services import change_own_details

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_core.features.accounts.tokens.sessions import Sessions


class LoginResource:
    """``/api/auth/login``"""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @endpoint(public=True, body=Login, response=Session | CodeNeeded)
    async def on_post(self, req: Request, resp: Response, *, body: Login) -> Session | CodeNeeded:
        """Sign in.

        Who uses two-factor sign-in gets the status ``code_needed`` and a ``challenge``, and goes on
        at ``/api/auth/login/code``.
        """
        session = await self._sessions.sign_in(req, body.email, body.password)
        if isinstance(session, Session):
            resp.append_header(*known_devices.cookie(req, session.user.id, req.path))
        return session


class LoginCodeResource:
    """``/api/auth/login/code``"""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @endpoint(public=True, body=LoginCode, response=Session, rate_limit="20/minute")
    async def on_post(self, req: Request, resp: Response, *, body: LoginCode) -> Session:
        """Complete a sign-in with a code of the authenticator, or a recovery code."""
        verified, held = await second_step.complete(req, body.challenge, body.code)
        session = await self._sessions.complete(req, verified)
        resp.append_header(*known_devices.cookie(req, session.user.id, held.path))
        return session


class RefreshResource:
    """``/api/auth/refresh``"""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @endpoint(public=True, body=Refresh, response=Session, rate_limit="60/minute")
    async def on_post(self, req: Request, resp: Response, *, body: Refresh) -> Session:
        """Exchange a refresh token for new tokens."""
        return await self._sessions.refresh(body.refresh_token)


class LogoutResource:
    """``/api/auth/logout``"""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @endpoint(public=True, body=Refresh, status=204, rate_limit="60/minute")
    async def on_post(self, req: Request, resp: Response, *, body: Refresh) -> None:
        """End the session that a refresh token belongs to, and its access tokens with it."""
        await self._sessions.sign_out(body.refresh_token)


class ConfirmResource:
    """``/api/auth/confirm``"""

    @endpoint(permission="accounts.me.read", body=Confirm, status=204)
    async def on_post(self, req: Request, resp: Response, *, body: Confirm) -> None:
        """Confirm your password, and code where you use one, for what needs a recent sign-in."""
        await confirm(req, body.password, body.code)


class MeResource:
    """``/api/auth/me``"""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self._site = site
        self._sessions = sessions

    @endpoint(permission="accounts.me.read", response=UserOut)
    async def on_get(self, req: Request, resp: Response) -> UserOut:
        """The signed-in user."""
        if req.actor is None or req.actor.kind != "user":
            raise Unauthorized
        return await self._own(req.actor.id)

    @endpoint(permission="accounts.me.write", body=MeChange, response=UserOut)
    async def on_patch(self, req: Request, resp: Response, *, body: MeChange) -> UserOut:
        """Change the user's own name, telephone number, or the language of the mails to them."""
        id = user_of(req).id
        sent = msgspec.structs.asdict(body)
        values = {name: value for name, value in sent.items() if value is not UNSET}
        locales = self._site.translations.locales
        await self._site.db.write(change_own_details, id, values, locales)
        return await self._own(id)

    async def _own(self, id: str) -> UserOut:
        account = await self._site.db.one(account_by_id(id))
        if account is None:
            raise Unauthorized
        return await self._sessions.describe(account)
