"""Queries of what sessions in browsers have to show."""

from __future__ import annotations

from typing import Any

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.browser.models import FlashRow


class StoredMessage(msgspec.Struct, frozen=True):
    """A message that a session has not shown yet."""

    id: str
    kind: str
    message: str
    params: dict[str, Any]


@compiled(StoredMessage)
def messages_of(session_id: str) -> Query:
    """What a session has not shown yet, the oldest first."""
    return (
        FlashRow.select(FlashRow.id, FlashRow.kind, FlashRow.message, FlashRow.params)
        .where(FlashRow.session == session_id)
        .order_by(FlashRow.id)
    )
