"""Queries of roles and of who holds them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from peewee import fn

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.roles.models import Grant, StoredRole
from changemaker_core.features.accounts.users.models import User

#: Roles that a site can make: they are all read together.
MOST_ROLES: Final = 200
#: Objects for which one user can hold roles: they are all in the memory of each request.
MOST_GRANTS: Final = 200


class StoredRoleRow(msgspec.Struct, frozen=True):
    """A role that the site made."""

    name: str
    description: str
    permissions: list[str]
    updated_at: datetime


class GrantRow(msgspec.Struct, frozen=True):
    """A role that a user holds for one object."""

    id: str
    role: str
    scope: str
    object_id: str
    created_by: str | None
    created_at: datetime


class RoleHolder(msgspec.Struct, frozen=True):
    """A user who holds a role."""

    id: str
    name: str
    email: str


@compiled(StoredRoleRow)
def stored_roles(limit: int = MOST_ROLES) -> Query:
    """The roles that the site made, by name."""
    return StoredRole.select_for(StoredRoleRow).order_by(StoredRole.name).limit(limit)


@compiled(GrantRow)
def grants_of(user_id: str, limit: int = MOST_GRANTS) -> Query:
    """The roles that a user holds for one object each, by role."""
    query = Grant.select_for(GrantRow).where(Grant.user == user_id)
    return query.order_by(Grant.role, Grant.scope, Grant.object_id).limit(limit)


class RoleCount(msgspec.Struct, frozen=True):
    """How many users hold a role, for the whole site or for single objects."""

    role: str
    users: int


@compiled(RoleCount)
def users_by_role() -> Query:
    """How many users hold each role for the whole site."""
    count = fn.COUNT(User.id).alias("users")
    return User.select(User.role, count).group_by(User.role).order_by(User.role)


@compiled(RoleCount)
def users_by_granted_role() -> Query:
    """How many users hold each role for single objects."""
    count = fn.COUNT(Grant.user.distinct()).alias("users")
    return Grant.select(Grant.role, count).group_by(Grant.role).order_by(Grant.role)


@compiled(RoleHolder)
def users_with(role: str, limit: int = 4) -> Query:
    """Some users who hold the role for the whole site."""
    return User.select_for(RoleHolder).where(User.role == role).order_by(User.id).limit(limit)


@compiled(RoleHolder)
def users_granted(role: str, limit: int = 4) -> Query:
    """Some users who hold the role for an object."""
    holders = Grant.select(Grant.user).where(Grant.role == role)
    return User.select_for(RoleHolder).where(User.id.in_(holders)).order_by(User.id).limit(limit)
