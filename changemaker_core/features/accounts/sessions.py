"""Sign-in to the API: access tokens and refresh tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Actor, Text, Unauthorized
from changemaker_core.features.accounts import services
from changemaker_core.features.accounts.queries import Account, account_by_id
from changemaker_core.features.accounts.schemas import Session, UserOut
from changemaker_core.features.accounts.signing_in import verify, wrong
from changemaker_core.features.accounts.tokens import ACCESS_LIFETIME, AccessTokens, InvalidToken

if TYPE_CHECKING:
    from changemaker_core import Request, Site
    from changemaker_core.features.accounts.roles import Roles


class Sessions:
    """The sessions of a site."""

    def __init__(self, site: Site, roles: Roles) -> None:
        self._site = site
        self._roles = roles
        self._access = AccessTokens.of(site.config.secret_key)

    async def sign_in(self, email: str, password: str, visitor: str) -> Session:
        """Open a session. Whatever is wrong, the response is the same and takes the same time."""
        account, new_hash = await verify(self._site, email, password, visitor)
        refresh = await self._site.db.write(services.open_session, account, new_hash)
        if refresh is None:
            raise wrong()
        return self._session(account, refresh)

    async def refresh(self, refresh_token: str) -> Session:
        """Exchange a refresh token for a new pair of tokens."""
        rotation = await self._site.db.write(services.rotate, refresh_token)
        if rotation is not None:
            account = await self._site.db.one(account_by_id(rotation.user_id))
            if account is not None:
                return self._session(account, rotation.refresh_token)
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
            user_id = self._access.user_id(token, self._site.clock())
        except InvalidToken:
            raise Unauthorized(Text("The access token is not valid, or has expired.")) from None
        # Read each time, so that a suspension or a new role takes effect at once.
        account = await self._site.db.one(account_by_id(user_id))
        if account is None or account.status != "ACTIVE":
            raise Unauthorized(Text("This account cannot sign in."))
        return Actor("user", account.id, account.name, self._roles.permissions(account.role))

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

    def _session(self, account: Account, refresh_token: str) -> Session:
        return Session(
            access_token=self._access.issue(account.id, self._site.clock()),
            refresh_token=refresh_token,
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            user=self.describe(account),
        )
