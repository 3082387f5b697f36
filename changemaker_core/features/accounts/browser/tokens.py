"""The tokens of sessions in browsers: random, stored as keyed hashes."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class SessionTokens:
    """Makes and hashes the tokens of a site's browser sessions.

    Hashes depend on the site's secret key: once that was replaced, no session is found any more,
    except with a hash under an earlier key that is still configured.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [
            hmac.digest(key.encode(), b"accounts.session-token", "sha256") for key in secret_keys
        ]

    def new(self) -> str:
        """Return the token of a new session: 256 random bits."""
        return secrets.token_urlsafe(32)

    def hash(self, token: str) -> str:
        """Return the hash of a token as it is stored now."""
        return next(self.hashes(token))

    def hashes(self, token: str) -> Iterator[str]:
        """Yield each hash that may be stored of a token: first that under the present key.

        A token is random, so a fast hash suffices.
        """
        for key in self._keys:
            yield hmac.digest(key, token.encode(), "sha256").hex()
