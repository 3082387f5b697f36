"""Access tokens (signed, short-lived) and refresh tokens (random, kept hashed)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

ACCESS_LIFETIME: Final = timedelta(minutes=15)
REFRESH_LIFETIME: Final = timedelta(days=7)
_ALGORITHM: Final = "HS256"  # pinned: a token never chooses how it is verified
_AUDIENCE: Final = "changemaker:access"


class BadToken(Exception):
    """The access token is not one of ours, or its time is over."""


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Signs and verifies JWTs with a key derived from the site's secret."""

    key: bytes

    @classmethod
    def of(cls, secret_key: str) -> AccessTokens:
        return cls(hmac.digest(secret_key.encode(), b"accounts.access-token", "sha256"))

    def issue(self, user_id: str, now: datetime) -> str:
        """A token that says for fifteen minutes that its bearer is ``user_id``."""
        claims = {"sub": user_id, "aud": _AUDIENCE, "iat": now, "exp": now + ACCESS_LIFETIME}
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

    def user_id(self, token: str, now: datetime) -> str:
        """Whose token this is. Raises ``BadToken``."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # The site's clock decides, and PyJWT only knows the machine's.
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise BadToken(str(error)) from None
        if not isinstance(claims["exp"], int | float) or claims["exp"] <= now.timestamp():
            raise BadToken("expired")
        return str(claims["sub"])


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    """What is kept of a refresh token. It is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
