"""Queries of the API's sessions."""

from __future__ import annotations

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.users.models import User


class SignedIn(msgspec.Struct, frozen=True):
    """The user of a session of the API."""

    id: str
    name: str
    role: str
    status: str


@compiled(SignedIn)
def user_of_session(session_id: str) -> Query:
    """The user of a session of the API, which is a family of refresh tokens that none has ended."""
    family = RefreshToken.family == session_id
    ended = RefreshToken.select().where(family, RefreshToken.revoked_at.is_null(False))
    return User.select(User.id, User.name, User.role, User.status).where(
        User.id.in_(RefreshToken.select(RefreshToken.user).where(family)),
        ~peewee.fn.EXISTS(ended),
    )
