"""Queries of users."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.models import User


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


@compiled(Account)
def account_by_id(id: str) -> Query:
    """The user with this id."""
    return _accounts().where(User.id == id)


@compiled(Account)
def account_by_email(email: str) -> Query:
    """The user with this email address, casefolded."""
    return _accounts().where(User.email == email)


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
