"""Access tokens (signed, short-lived) and refresh tokens (random, kept hashed)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import jwt

ACCESS_LIFETIME: Final = timedelta(minutes=15)
REFRESH_LIFETIME: Final = timedelta(days=7)
#: Tokens that were found good, which a process remembers: less than a megabyte.
REMEMBERED: Final = 4096
_ALGORITHM: Final = "HS256"  # pinned: a token never chooses how it is verified
_AUDIENCE: Final = "changemaker:access"


class BadToken(Exception):
    """The access token is not one of ours, or its time is over."""


class AccessTokens:
    """Signs and verifies JWTs with a key derived from the site's secret.

    A token that was found good is remembered by its hash, as verifying it anew would only tell the
    same. Whether its time is over is looked at each time.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        #: Whose they are and when they expire, the longest unused first.
        self._verified: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    @classmethod
    def of(cls, secret_key: str) -> AccessTokens:
        return cls(hmac.digest(secret_key.encode(), b"accounts.access-token", "sha256"))

    def issue(self, user_id: str, now: datetime) -> str:
        """A token that says for fifteen minutes that its bearer is ``user_id``."""
        claims = {"sub": user_id, "aud": _AUDIENCE, "iat": now, "exp": now + ACCESS_LIFETIME}
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

    def user_id(self, token: str, now: datetime) -> str:
        """Whose token this is. Raises ``BadToken``."""
        seen = hashlib.sha256(token.encode()).digest()
        user_id, expires = self._verified.get(seen) or self._verify(token)
        if expires <= now.timestamp():
            self._verified.pop(seen, None)
            raise BadToken("expired")
        self._remember(seen, (user_id, expires))
        return user_id

    def _verify(self, token: str) -> tuple[str, float]:
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
        if not isinstance(claims["exp"], int | float):
            raise BadToken("expires at no time")
        return str(claims["sub"]), claims["exp"]

    def _remember(self, seen: bytes, told: tuple[str, float]) -> None:
        self._verified[seen] = told
        self._verified.move_to_end(seen)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    """What is kept of a refresh token. It is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
