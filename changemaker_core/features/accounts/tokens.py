"""Access tokens (signed, short-lived) and refresh tokens (random, stored as hashes)."""

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
#: Valid tokens that a process remembers: less than a megabyte.
REMEMBERED: Final = 4096
_ALGORITHM: Final = "HS256"  # pinned: a token never chooses how it is verified
_AUDIENCE: Final = "changemaker:access"


class InvalidToken(Exception):
    """The access token was not issued by this site, or has expired."""


class AccessTokens:
    """Signs and verifies JWTs with a key derived from the site's secret.

    PERF: the hash of a valid token is remembered, so that its signature is verified once. Its
    expiry is checked each time.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        #: User id and expiry by the hash of the token, least recently used first.
        self._verified: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    @classmethod
    def of(cls, secret_key: str) -> AccessTokens:
        return cls(hmac.digest(secret_key.encode(), b"accounts.access-token", "sha256"))

    def issue(self, user_id: str, now: datetime) -> str:
        """Return a token that authenticates ``user_id`` for fifteen minutes."""
        claims = {"sub": user_id, "aud": _AUDIENCE, "iat": now, "exp": now + ACCESS_LIFETIME}
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

    def user_id(self, token: str, now: datetime) -> str:
        """Return the user id of a token. Raise ``InvalidToken`` if it is not valid now."""
        digest = hashlib.sha256(token.encode()).digest()
        user_id, expires = self._verified.get(digest) or self._verify(token)
        if expires <= now.timestamp():
            self._verified.pop(digest, None)
            raise InvalidToken("expired")
        self._remember(digest, (user_id, expires))
        return user_id

    def _verify(self, token: str) -> tuple[str, float]:
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # Checked by the site's clock instead; PyJWT uses the machine's.
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise InvalidToken(str(error)) from None
        if not isinstance(claims["exp"], int | float):
            raise InvalidToken("has no expiry")
        return str(claims["sub"]), claims["exp"]

    def _remember(self, digest: bytes, verified: tuple[str, float]) -> None:
        self._verified[digest] = verified
        self._verified.move_to_end(digest)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)


def new_refresh_token() -> str:
    """Return 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> str:
    """Return the stored hash of a refresh token. The token is random, so a fast hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()
