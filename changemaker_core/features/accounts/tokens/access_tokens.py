"""Access tokens: signed, and valid for minutes."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import jwt

ACCESS_LIFETIME: Final = timedelta(minutes=15)
#: Valid tokens that a process remembers: less than a megabyte.
REMEMBERED: Final = 4096
_ALGORITHM: Final = "HS256"  # pinned: a token never chooses how it is verified
_ISSUER: Final = "changemaker"
_AUDIENCE: Final = "changemaker:access"


class InvalidToken(Exception):
    """The access token was not issued by this site, or has expired."""


class Claims(NamedTuple):
    """What an access token says: who signed in, in which session, and until when (Unix time)."""

    user_id: str
    session_id: str
    expires: float


class AccessTokens:
    """Signs and verifies JWTs with a key derived from the site's secret.

    PERF: the hash of a valid token is remembered, so that its signature is verified once. Its
    expiry is checked each time.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        #: What a token says by its hash, least recently used first.
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    @classmethod
    def of(cls, secret_key: str) -> AccessTokens:
        return cls(hmac.digest(secret_key.encode(), b"accounts.access-token", "sha256"))

    def issue(self, user_id: str, session_id: str, now: datetime) -> str:
        """Return a token that authenticates ``user_id`` for fifteen minutes of a session."""
        claims = {
            "sub": user_id,
            "sid": session_id,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
        }
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM)

    def claims(self, token: str, now: datetime) -> Claims:
        """Return what a token says. Raise ``InvalidToken`` if it is not valid now.

        Its session may have ended.
        """
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest) or self._verify(token)
        if claims.expires <= now.timestamp():
            self._verified.pop(digest, None)
            raise InvalidToken("expired")
        self._remember(digest, claims)
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                # Checked by the site's clock instead; PyJWT uses the machine's.
                options={
                    "require": ["sub", "sid", "exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise InvalidToken(str(error)) from None
        if not isinstance(claims["exp"], int | float):
            raise InvalidToken("has no expiry")
        return Claims(str(claims["sub"]), str(claims["sid"]), claims["exp"])

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._verified[digest] = claims
        self._verified.move_to_end(digest)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
