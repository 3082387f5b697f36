"""Queries of users."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core import Query, compiled, search
from changemaker_core.features.accounts.roles.models import Grant
from changemaker_core.features.accounts.twofactor.models import TwoFactor
from changemaker_core.features.accounts.users.models import ACTIVE, INVITED, User
from changemaker_core.features.accounts.users.schemas import TeamMember, TeamUser

if TYPE_CHECKING:
    from changemaker_core import Tx


class Account(msgspec.Struct, frozen=True):
    """A user, with what sign-in needs."""

    id: str
    email: str
    email_verified_at: datetime | None
    name: str
    password_hash: str | None
    role: str
    status: str
    locale: str
    expires_at: datetime | None
    updated_at: datetime
    has_two_factor: bool

    def is_open(self, now: datetime) -> bool:
        """Return whether the user can sign in at ``now``."""
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)

    def is_invited(self, now: datetime) -> bool:
        """Return whether the user can accept an invitation at ``now``."""
        return self.status == INVITED and (self.expires_at is None or now < self.expires_at)


@compiled(Account)
def account_by_id(id: str) -> Query:
    """The user with this id."""
    return _accounts().where(User.id == id)


@compiled(Account)
def account_by_email(email: str) -> Query:
    """The user with this email address, which is canonical."""
    return _accounts().where(User.email == email)


@compiled(TeamUser)
def team_user(id: str) -> Query:
    """The user with this id, for those who manage the team."""
    query: Query = _team().where(User.id == id)
    return query


@compiled(TeamUser)
def team_users(
    role: str | None = None,
    status: str | None = None,
    text: str | None = None,
    before: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """All users, newest first; with ``before``, those older than that id; with ``text``, those who
    have it in their name or email address."""
    query: Query = _team()
    if role is not None:
        query = query.where(User.role == role)
    if status is not None:
        query = query.where(User.status == status)
    if text is not None:
        query = query.where(search(User.name, text) | search(User.email, text))
    if before is not None:
        query = query.where(User.id < before)
    return query.order_by(User.id.desc()).limit(limit).offset(offset)


@compiled(TeamMember)
def team_members(role: str | None = None, status: str | None = None, q: str | None = None) -> Query:
    """All users for a list that pages through them; with ``q``, those who have it in their name or
    email address."""
    held = Grant.select(peewee.fn.COUNT(Grant.id)).where(Grant.user == User.id)
    query: Query = User.select_for(TeamMember, has_two_factor=_has_two_factor(), single_roles=held)
    if role is not None:
        query = query.where(User.role == role)
    if status is not None:
        query = query.where(User.status == status)
    if q is not None:
        query = query.where(search(User.name, q) | search(User.email, q))
    ordered: Query = query.order_by(User.id.desc())
    return ordered


@compiled(str)
def user_ids(status: str) -> Query:
    """Return the ids of the users of a status, for counting them."""
    return User.select(User.id).where(User.status == status)


def lock_user(tx: Tx, id: str) -> None:
    """Have others who change the user wait until the transaction ends.

    It comes before any change to what the user has, such as links and grants: who takes both in the
    other order may wait for each other.
    """
    if tx.dialect == "postgresql":
        list(User.select(User.id).where(User.id == id).for_update())


def _team() -> Any:
    return User.select_for(TeamUser, has_two_factor=_has_two_factor())


def _has_two_factor() -> Any:
    return peewee.fn.EXISTS(TwoFactor.select().where(TwoFactor.user == User.id))


def _accounts() -> Query:
    return User.select(
        User.id,
        User.email,
        User.email_verified_at,
        User.name,
        User.password_hash,
        User.role,
        User.status,
        User.locale,
        User.expires_at,
        User.updated_at,
        _has_two_factor().alias("has_two_factor"),
    )
