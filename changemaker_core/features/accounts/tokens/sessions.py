"""Sign-in to the API: access tokens and refresh tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Actor, Text, Unauthorized
from changemaker_core.features.accounts.signing_in.verification import verify, wrong
from changemaker_core.features.accounts.tokens import services
from changemaker_core.features.accounts.tokens.access_tokens import (
    ACCESS_LIFETIME,
    AccessTokens,
    InvalidToken,
)
from changemaker_core.features.accounts.tokens.queries import user_of_session
from changemaker_core.features.accounts.tokens.schemas import Session, UserOut
from changemaker_core.features.accounts.users.queries import Account, account_by_id

if TYPE_CHECKING:
    from changemaker_core import Request, Site
    from changemaker_core.features.accounts.roles.roles import Roles


class Sessions:
    """The sessions of a site."""

    def __init__(self, site: Site, roles: Roles) -> None:
        self._site = site
        self._roles = roles
        self._access = AccessTokens.of(site.config.secret_key)

    async def sign_in(self, req: Request, email: str, password: str) -> Session:
        """Open a session. Whatever is wrong, the response is the same and takes the same time."""
        verified = await verify(req, email, password)
        opened = await self._site.db.write(services.open_session, verified)
        if opened is None:
            raise wrong()
        return self._session(verified.account, opened)

    async def refresh(self, refresh_token: str) -> Session:
        """Exchange a refresh token for a new pair of tokens."""
        rotation = await self._site.db.write(services.rotate, refresh_token)
        if rotation is not None:
            account = await self._site.db.one(account_by_id(rotation.user_id))
            if account is not None:
                return self._session(account, rotation)
        raise Unauthorized(Text("This session has ended. Sign in again."))

    async def sign_out(self, refresh_token: str) -> None:
        """End the session of a refresh token."""
        await self._site.db.write(services.end_session, refresh_token)

    async def find(self, request: Request) -> Actor | None:
        """Return the user of the access token in a request: an authenticator."""
        header = request.get_header("Authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(Text("Authorization must be a Bearer token."))
        try:
            claims = self._access.claims(token, self._site.clock())
        except InvalidToken:
            raise Unauthorized(Text("The access token is not valid, or has expired.")) from None
        # Read each time, so that a sign-out, a suspension or a new role takes effect at once.
        user = await self._site.db.one(user_of_session(claims.session_id))
        if user is None or user.id != claims.user_id:
            raise Unauthorized(Text("This session has ended. Sign in again."))
        if user.status != "ACTIVE":
            raise Unauthorized(Text("This account cannot sign in."))
        return Actor("user", user.id, user.name, self._roles.permissions(user.role))

    def describe(self, account: Account) -> UserOut:
        """Return the account as its own user sees it."""
        return UserOut(
            id=account.id,
            email=account.email,
            name=account.name,
            role=account.role,
            locale=account.locale,
            permissions=sorted(self._roles.permissions(account.role)),
        )

    def _session(self, account: Account, issued: services.Rotation) -> Session:
        now = self._site.clock()
        return Session(
            access_token=self._access.issue(account.id, issued.family, now),
            refresh_token=issued.refresh_token,
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            user=self.describe(account),
        )
