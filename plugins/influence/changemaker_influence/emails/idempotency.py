"""The ``Idempotency-Key`` header: a repeated request gets the first one's response.

After draft-ietf-httpapi-idempotency-key-header: a key belongs to one request, and its response is
stored for a day.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Problem, Text
from changemaker_influence.emails.models import IdempotencyKey

if TYPE_CHECKING:
    from changemaker_core import Tx

LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that must take effect once.

    Both fields are keyed hashes, because keys and requests hold personal data.
    """

    key: str
    request: str

    @classmethod
    def of(cls, secret: str, key: str, scope: str, request: bytes) -> IdempotentRequest:
        """Return the request that sent ``key``, which is valid in ``scope`` for these bytes."""
        return cls(_hash(secret, f"{scope}\n{key}".encode()), _hash(secret, request))


def find_response(idempotent: IdempotentRequest) -> Any | None:
    """Return the stored response, inside a unit of work; ``None`` for a new key.

    Raises ``Problem`` (422) where the key was used for another request.
    """
    stored = IdempotencyKey.get_or_none(IdempotencyKey.key == idempotent.key)
    if stored is None:
        return None
    if stored.request != idempotent.request:
        raise Problem(
            422,
            "idempotency_key_reused",
            Text("This Idempotency-Key was used for another request."),
        )
    return stored.response


def claim(tx: Tx, idempotent: IdempotentRequest) -> Any | None:
    """Return the stored response, or ``None`` and make other requests with this key wait."""
    claimed = (
        IdempotencyKey.insert(
            key=idempotent.key, request=idempotent.request, response=None, created_at=tx.now
        )
        .on_conflict_ignore()
        .as_rowcount()
        .execute()
    )
    return None if claimed else find_response(idempotent)


def store_response(idempotent: IdempotentRequest, response: Any) -> None:
    """Store the response in the transaction that did the work."""
    update = IdempotencyKey.update(response=response)
    update.where(IdempotencyKey.key == idempotent.key).execute()


def delete_expired(tx: Tx) -> None:
    """Delete the keys that are older than ``LIFETIME``."""
    expired = IdempotencyKey.created_at < tx.now - LIFETIME
    IdempotencyKey.delete().where(expired).execute()


def _hash(secret: str, value: bytes) -> str:
    return hmac.new(secret.encode(), value, hashlib.sha256).hexdigest()
