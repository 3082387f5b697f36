"""Queries of sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.sessions.models import API, UserSession


class SessionRow(msgspec.Struct, frozen=True):
    """A session, as a request needs it."""

    id: str
    kind: str
    signed_in_at: datetime
    seen_at: datetime
    expires_at: datetime
    user_id: str


class ListedSession(msgspec.Struct, frozen=True):
    """A session as its user sees it in the list."""

    id: str
    kind: str
    created_at: datetime
    signed_in_at: datetime
    seen_at: datetime
    address: str
    user_agent: str


@compiled(SessionRow)
def session_by_hash(token_hash: str) -> Query:
    """The session of the browser whose cookie has this hash."""
    query: Query = _open().where(UserSession.token_hash == token_hash)
    return query


@compiled(SessionRow)
def session_by_id(id: str) -> Query:
    """The session with this id."""
    query: Query = _open().where(UserSession.id == id)
    return query


@compiled(ListedSession)
def sessions_of_user(user_id: str, seen_after: datetime, now: datetime) -> Query:
    """The sessions of a user that have not expired, the last used first.

    Those in browsers end where they were not used since ``seen_after``.
    """
    is_used = (UserSession.kind == API) | (UserSession.seen_at > seen_after)
    return (
        UserSession.select(
            UserSession.id,
            UserSession.kind,
            UserSession.created_at,
            UserSession.signed_in_at,
            UserSession.seen_at,
            UserSession.address,
            UserSession.user_agent,
        )
        .where(UserSession.user == user_id, is_used, UserSession.expires_at > now)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    )


def _open() -> Any:
    return UserSession.select_for(SessionRow, user_id=UserSession.user)
