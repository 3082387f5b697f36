"""Queries of browser sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.browser.models import BrowserSession, FlashRow
from changemaker_core.features.accounts.users.models import User


class OpenSession(msgspec.Struct, frozen=True):
    """A session and its user, as a request needs them."""

    id: str
    seen_at: datetime
    expires_at: datetime
    user_id: str
    name: str
    role: str
    status: str


class ListedSession(msgspec.Struct, frozen=True):
    """A session as its user sees it in the list."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    user_agent: str


class StoredMessage(msgspec.Struct, frozen=True):
    """A message that a session has not shown yet."""

    id: str
    kind: str
    message: str
    params: dict[str, Any]


@compiled(OpenSession)
def session_by_hash(token_hash: str) -> Query:
    """The session whose token has this hash."""
    return (
        BrowserSession.select(
            BrowserSession.id,
            BrowserSession.seen_at,
            BrowserSession.expires_at,
            User.id.alias("user_id"),
            User.name,
            User.role,
            User.status,
        )
        .join(User)
        .where(BrowserSession.token_hash == token_hash)
    )


@compiled(ListedSession)
def sessions_of_user(user_id: str, seen_after: datetime, now: datetime) -> Query:
    """The sessions of a user that have not expired, the last used first."""
    return (
        BrowserSession.select(
            BrowserSession.id,
            BrowserSession.created_at,
            BrowserSession.seen_at,
            BrowserSession.address,
            BrowserSession.user_agent,
        )
        .where(
            BrowserSession.user == user_id,
            BrowserSession.seen_at > seen_after,
            BrowserSession.expires_at > now,
        )
        .order_by(BrowserSession.seen_at.desc(), BrowserSession.id.desc())
    )


@compiled(StoredMessage)
def messages_of(session_id: str) -> Query:
    """What a session has not shown yet, the oldest first."""
    return (
        FlashRow.select(FlashRow.id, FlashRow.kind, FlashRow.message, FlashRow.params)
        .where(FlashRow.session == session_id)
        .order_by(FlashRow.id)
    )
