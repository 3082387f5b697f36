"""Queries of users."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.models import RefreshToken, User


class Account(msgspec.Struct, frozen=True):
    """A user, with what sign-in needs."""

    id: str
    email: str
    name: str
    password_hash: str
    role: str
    status: str
    locale: str
    updated_at: datetime


class Verified(NamedTuple):
    """An account whose password was right; ``new_hash`` where it should be hashed anew.

    ``source`` is what its failures were counted for.
    """

    account: Account
    new_hash: str | None
    source: str


@compiled(Account)
def account_by_id(id: str) -> Query:
    """The user with this id."""
    return _accounts().where(User.id == id)


@compiled(Account)
def account_by_email(email: str) -> Query:
    """The user with this email address, casefolded."""
    return _accounts().where(User.email == email)


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


def _accounts() -> Query:
    return User.select(
        User.id,
        User.email,
        User.name,
        User.password_hash,
        User.role,
        User.status,
        User.locale,
        User.updated_at,
    )
