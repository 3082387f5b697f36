"""Queries of users."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.users.models import ACTIVE, User


class Account(msgspec.Struct, frozen=True):
    """A user, with what sign-in needs."""

    id: str
    email: str
    name: str
    password_hash: str | None
    role: str
    status: str
    locale: str
    expires_at: datetime | None
    updated_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Return whether the user can sign in at ``now``."""
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)


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
        User.expires_at,
        User.updated_at,
    )
