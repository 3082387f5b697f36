"""Sign-in to the API: access tokens and refresh tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import SignIn, Text, Unauthorized
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.roles.rights import current_rights
from changemaker_core.features.accounts.sessions.models import API
from changemaker_core.features.accounts.sessions.requests import device_of, ended, session_of_token
from changemaker_core.features.accounts.signing_in import second_step
from changemaker_core.features.accounts.signing_in.verification import verify, wrong
from changemaker_core.features.accounts.tokens import services
from changemaker_core.features.accounts.tokens.access_tokens import (
    ACCESS_LIFETIME,
    AccessTokens,
    InvalidToken,
)
from changemaker_core.features.accounts.tokens.refresh_tokens import RefreshTokens
from changemaker_core.features.accounts.tokens.schemas import CodeNeeded, Session, UserOut
from changemaker_core.features.accounts.twofactor.required import held_back

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Site
    from changemaker_core.features.accounts.signing_in.services import Verified
    from changemaker_core.features.accounts.users.queries import Account


class Sessions:
    """The API's sessions of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._access = AccessTokens.of(site.config.secret_key)
        self._refresh = RefreshTokens.of(site.config.secret_key)
        self._longest = timedelta(days=site.config_of(AccountsConfig).api_session_days)

    async def sign_in(self, req: Request, email: str, password: str) -> Session | CodeNeeded:
        """Open a session. Whatever is wrong, the response is the same and takes the same time."""
        return await self.open(req, await verify(req, email, password))

    async def open(self, req: Request, verified: Verified) -> Session | CodeNeeded:
        """Open a session for a user who has proved who they are, or ask for a missing code."""
        if verified.needs_code:
            expires_in = int(second_step.CHALLENGE_LASTS.total_seconds())
            challenge = second_step.challenge(req, verified)
            return CodeNeeded(challenge=challenge, expires_in=expires_in)
        return await self.complete(req, verified)

    async def complete(self, req: Request, verified: Verified) -> Session:
        """Open a session for an account that has proved all that it must."""
        opened = await self._site.db.write(
            services.open_session, self._refresh, verified, device_of(req)
        )
        if opened is None:
            raise wrong()
        return await self._session(opened)

    async def refresh(self, refresh_token: str) -> Session:
        """Exchange a refresh token for a new pair of tokens."""
        issued = await self._site.db.write(
            services.rotate, self._refresh, self._longest, refresh_token
        )
        if issued is None:
            raise ended()
        return await self._session(issued)

    async def sign_out(self, refresh_token: str) -> None:
        """End the session of a refresh token."""
        await self._site.db.write(services.end_session, self._refresh, refresh_token)

    async def find(self, request: Request) -> Actor | None:
        """Return the user of the access token in a request: an authenticator."""
        header = request.get_header("Authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(Text("Authorization must be a Bearer token."))
        now = self._site.clock()
        try:
            claims = self._access.claims(token, now)
        except InvalidToken:
            raise Unauthorized(Text("The access token is not valid, or has expired.")) from None
        session = await session_of_token(self._site, claims.session_id)
        is_its = session.kind == API and session.user_id == claims.user_id
        if not is_its or not session.is_open(now):
            raise ended()
        request.sign_in = SignIn(session.id, session.signed_in_at)
        request.held_back = held_back(session.rights)
        return session.rights.actor()

    async def describe(self, account: Account) -> UserOut:
        """Return the account as its own user sees it."""
        actor = (await current_rights(self._site, account.id)).actor()
        objects: dict[str, list[str]] = {}
        for permission, object_id in sorted(actor.scoped):
            objects.setdefault(permission, []).append(object_id)
        return UserOut(
            id=account.id,
            email=account.email,
            name=account.name,
            role=account.role,
            locale=account.locale,
            permissions=sorted(actor.permissions),
            objects=objects,
        )

    async def _session(self, issued: services.Issued) -> Session:
        account, now = issued.account, self._site.clock()
        return Session(
            access_token=self._access.issue(account.id, issued.session_id, now),
            refresh_token=issued.refresh_token,
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            user=await self.describe(account),
        )
