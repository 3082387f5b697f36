"""Refresh tokens: random or derived from the one before, stored as keyed hashes."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

LIFETIME: Final = timedelta(days=7)
#: How long an exchanged token gets the same successor: a phone may have lost the response.
REPEATED: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Makes and hashes the refresh tokens of one site.

    Both depend on the site's ``secret_key``: after it was changed, no token is found any more.
    """

    hash_key: bytes
    successor_key: bytes

    @classmethod
    def of(cls, secret_key: str) -> RefreshTokens:
        def derived(label: bytes) -> bytes:
            return hmac.digest(secret_key.encode(), label, "sha256")

        return cls(derived(b"accounts.refresh-token"), derived(b"accounts.refresh-token.successor"))

    def new(self) -> str:
        """Return the first token of a session: 256 random bits."""
        return secrets.token_urlsafe(32)

    def successor(self, token: str) -> str:
        """Return the token that ``token`` is exchanged for: always the same, though only hashes are
        stored."""
        return hmac.digest(self.successor_key, token.encode(), "sha256").hex()

    def hash(self, token: str) -> str:
        """Return the stored hash of a token."""
        return hmac.digest(self.hash_key, token.encode(), "sha256").hex()
