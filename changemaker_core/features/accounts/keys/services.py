"""Rules of API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core import Text, new_id
from changemaker_core.features.accounts.joining import mails
from changemaker_core.features.accounts.joining import services as joining
from changemaker_core.features.accounts.keys import text
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.accounts.users.queries import account_by_id

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import datetime

    from changemaker_core import Actor, Tx

KEYS_PER_USER: Final = 50
#: How exactly the last use of a key is stored.
USE_NOTED: Final = timedelta(minutes=5)


class KeyRefused(ValueError):
    """A key cannot be created; the text tells a person why."""


class TooManyKeys(KeyRefused):
    """The user has as many keys as a user can have."""


class PermissionsRefused(KeyRefused):
    """A key cannot have these permissions: none, or some that its owner lacks."""


class ExpiryRefused(KeyRefused):
    """The moment at which a key is to expire is over."""


class NewKey(NamedTuple):
    """A key that was just created; ``key`` is its text, which nothing stores."""

    id: str
    key: str


def create_key(
    tx: Tx,
    owner: Actor,
    *,
    name: str,
    permissions: Iterable[str],
    known: Container[str],
    expires_at: datetime | None = None,
) -> NewKey:
    """Create a key for ``owner``, a user, who is notified by mail.

    Raise a subclass of ``KeyRefused``.

    ``known`` are the names of permissions that there are.
    """
    permissions = sorted(set(permissions))
    _check_permissions(owner, permissions, known)
    if expires_at is not None and expires_at <= tx.now:
        raise ExpiryRefused(Text("Choose a moment in the future."))
    tx.lock(f"accounts.keys:{owner.id}")
    if ApiKey.select().where(ApiKey.user == owner.id).count() >= KEYS_PER_USER:
        raise TooManyKeys(
            Text("An account has {count} keys at most. Revoke one first.", count=KEYS_PER_USER)
        )
    key, id = text.new_key(), new_id()
    ApiKey.insert(
        id=id,
        user=owner.id,
        name=name,
        key_hash=text.hash_key(key),
        beginning=text.beginning_of(key),
        permissions=permissions,
        created_at=tx.now,
        expires_at=expires_at,
    ).execute()
    fields = {"permissions": permissions, "expires_at": expires_at, "user": owner.id}
    tx.audit("accounts.key.created", id, label=name, person=owner.id, after=fields)
    joining.notify(tx, mails.KEY_CREATED.name, owner.id, account_by_id(owner.id).get().email)
    return NewKey(id, key)


def revoke_key(tx: Tx, id: str, user_id: str | None = None) -> bool:
    """Delete a key, where given only one of ``user_id``. Return whether there was one."""
    condition = ApiKey.id == id
    if user_id is not None:
        condition &= ApiKey.user == user_id
    key = ApiKey.get_or_none(condition)
    if key is None or not ApiKey.delete().where(condition).execute():
        return False
    owner = str(key.user)  # `lazy_load=False`: the key itself
    fields = {"permissions": key.permissions, "expires_at": key.expires_at, "user": owner}
    tx.audit("accounts.key.revoked", id, label=key.name, person=owner, before=fields)
    return True


def note_use(tx: Tx, id: str) -> None:
    """Store that a key is used now, unless another request has stored that a moment ago."""
    noted = ApiKey.last_used_at > tx.now - USE_NOTED
    ApiKey.update(last_used_at=tx.now).where(
        ApiKey.id == id, ApiKey.last_used_at.is_null() | ~noted
    ).execute()


def can_be_held(owner: Actor, permission: str) -> bool:
    """Return whether ``owner`` can give a key this permission: it is theirs, if for one object."""
    return owner.has_permission(permission) or any(permission == held for held, _ in owner.scoped)


def _check_permissions(owner: Actor, permissions: list[str], known: Container[str]) -> None:
    if not permissions:
        raise PermissionsRefused(Text("Choose at least one permission."))
    unknown = [each for each in permissions if each not in known]
    if unknown:
        problem = Text("There are no such permissions: {names}.", names=", ".join(unknown))
        raise PermissionsRefused(problem)
    lacking = [each for each in permissions if not can_be_held(owner, each)]
    if lacking:
        problem = Text(
            "The owner of the key does not hold these permissions: {names}.",
            names=", ".join(lacking),
        )
        raise PermissionsRefused(problem)
