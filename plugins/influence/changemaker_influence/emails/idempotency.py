"""One answer for one ``Idempotency-Key``, however often the request arrives.

After draft-ietf-httpapi-idempotency-key-header: the key belongs to one request, and the answer is
kept for a day.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Problem, Text
from changemaker_influence.emails.models import IdempotentAnswer

if TYPE_CHECKING:
    from changemaker_core import Tx

KEPT_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to be done once. Both are keyed hashes: requests hold personal data."""

    key: str
    request: str

    @classmethod
    def of(cls, secret: str, key: str, scope: str, request: bytes) -> Once:
        """``key`` is good within ``scope`` and for these bytes only."""
        return cls(_hash(secret, f"{scope}\n{key}".encode()), _hash(secret, request))


def find(once: Once) -> Any | None:
    """The answer that was given before, inside a unit of work; ``None`` where there is none.

    Raises ``Problem`` (422) where the key was used for another request.
    """
    kept = IdempotentAnswer.get_or_none(IdempotentAnswer.key == once.key)
    if kept is None:
        return None
    if kept.request != once.request:
        raise Problem(
            422,
            "idempotency_key_reused",
            Text("This Idempotency-Key was used for another request."),
        )
    return kept.answer


def begin(tx: Tx, once: Once) -> Any | None:
    """As ``find``; and where this request is the first, others with its key wait for it."""
    first = (
        IdempotentAnswer.insert(key=once.key, request=once.request, answer=None, created_at=tx.now)
        .on_conflict_ignore()
        .as_rowcount()
        .execute()
    )
    return None if first else find(once)


def finish(once: Once, answer: Any) -> None:
    """Keeps the answer, in the transaction of what was done."""
    IdempotentAnswer.update(answer=answer).where(IdempotentAnswer.key == once.key).execute()


def forget(tx: Tx) -> None:
    """Drops the answers that are older than a day."""
    old = IdempotentAnswer.created_at < tx.now - KEPT_FOR
    IdempotentAnswer.delete().where(old).execute()


def _hash(secret: str, value: bytes) -> str:
    return hmac.new(secret.encode(), value, hashlib.sha256).hexdigest()
