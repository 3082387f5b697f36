"""Signatures as Standard Webhooks describes them, version 1: HMAC-SHA256 with a shared secret.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

#: What a secret begins with.
PREFIX: Final = "whsec_"
#: The standard has 24 to 64.
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a new secret, as it is shown: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message: ``v1,`` and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(
    secrets_in_force: Iterable[str], message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """Return the headers of a message; with several secrets, each one's signature is among them."""
    timestamp = int(at.timestamp())
    signatures = (sign(secret, message_id, timestamp, body) for secret in secrets_in_force)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
