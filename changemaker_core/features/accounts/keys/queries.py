"""Queries of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from changemaker_core import Query, compiled, search
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.accounts.users.models import User


class KeyRow(msgspec.Struct, frozen=True):
    """A key, as a request needs it."""

    id: str
    name: str
    permissions: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    user_id: str


class ListedKey(msgspec.Struct, frozen=True):
    """A key as its owner sees it in the list."""

    id: str
    name: str
    beginning: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class OwnedKey(ListedKey, frozen=True):
    """A key with the id, name and email address of its owner."""

    user_id: str
    owner: str
    email: str


@compiled(KeyRow)
def key_by_hash(key_hash: str) -> Query:
    """The key with this hash."""
    return ApiKey.select_for(KeyRow, user_id=ApiKey.user).where(ApiKey.key_hash == key_hash)


@compiled(ListedKey)
def keys_of_user(user_id: str) -> Query:
    """The keys of a user, the newest first."""
    query: Query = _listed().where(ApiKey.user == user_id).order_by(ApiKey.id.desc())
    return query


@compiled(ListedKey)
def key_of_user(id: str, user_id: str) -> Query:
    """A key, if it is this user's."""
    query: Query = _listed().where(ApiKey.id == id, ApiKey.user == user_id)
    return query


@compiled(OwnedKey)
def keys_with_owners(email: str | None = None, limit: int = 1_000) -> Query:
    """The keys of everybody, or of the user with ``email``; the newest first."""
    listed = _owned()
    if email is not None:
        listed = listed.where(User.email == email)
    query: Query = listed.order_by(ApiKey.id.desc()).limit(limit)
    return query


@compiled(OwnedKey)
def all_keys(q: str | None = None) -> Query:
    """The keys of everybody for a list that pages through them; with ``q``, those that have it in
    their name or the name or email address of their owner."""
    query: Query = _owned()
    if q is not None:
        found = search(ApiKey.name, q) | search(User.name, q) | search(User.email, q)
        query = query.where(found)
    ordered: Query = query.order_by(ApiKey.id.desc())
    return ordered


@compiled(OwnedKey)
def owned_key(id: str) -> Query:
    """A key of whomever it is, with its owner."""
    query: Query = _owned().where(ApiKey.id == id)
    return query


def _owned() -> Any:
    owner = (ApiKey.user.alias("user_id"), User.name.alias("owner"), User.email)
    return _listed(*owner).join(User)


def _listed(*more: object) -> Any:
    return ApiKey.select(
        ApiKey.id,
        ApiKey.name,
        ApiKey.beginning,
        ApiKey.permissions,
        ApiKey.created_at,
        ApiKey.expires_at,
        ApiKey.last_used_at,
        *more,
    )
