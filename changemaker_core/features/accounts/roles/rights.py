"""What a user may do now: their role, and their roles for single objects."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core import Actor, NotFound, Query, Text, Unauthorized, compiled
from changemaker_core.features.accounts.roles.queries import grants_of, stored_roles
from changemaker_core.features.accounts.roles.roles import by_name, roles_of
from changemaker_core.features.accounts.twofactor.models import TwoFactor
from changemaker_core.features.accounts.users.models import ACTIVE, User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Site
    from changemaker_core.features.accounts.roles.queries import GrantRow, StoredRoleRow
    from changemaker_core.features.accounts.roles.roles import Roles

#: Seconds after which rights are read again, though no change to them was notified.
_CACHED: Final = 5


class Standing(msgspec.Struct, frozen=True):
    """A user, as far as their rights depend on it."""

    id: str
    name: str
    role: str
    status: str
    expires_at: datetime | None
    has_two_factor: bool


class Rights(msgspec.Struct, frozen=True):
    """What a user may do, while their account ``is_open``.

    ``basic`` is all that they may do until they have turned on the two-factor sign-in that one of
    their roles needs; ``None`` where nothing is held back.
    """

    user_id: str
    name: str
    role: str
    status: str
    expires_at: datetime | None
    permissions: frozenset[str]
    scoped: frozenset[tuple[str, str]]
    basic: frozenset[str] | None = None

    def is_open(self, now: datetime) -> bool:
        """Return whether the user can be signed in at ``now``."""
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)

    def actor(self) -> Actor:
        """Return the user as who acts in a request."""
        if self.basic is not None:
            return Actor("user", self.user_id, self.name, self.basic)
        return Actor("user", self.user_id, self.name, self.permissions, self.scoped)


@compiled(Standing)
def standing_of(user_id: str) -> Query:
    """The user with this id."""
    has_two_factor = peewee.fn.EXISTS(TwoFactor.select().where(TwoFactor.user == User.id))
    return User.select(
        User.id,
        User.name,
        User.role,
        User.status,
        User.expires_at,
        has_two_factor.alias("has_two_factor"),
    ).where(User.id == user_id)


async def current_rights(site: Site, user_id: str) -> Rights:
    """Return the rights of a user. Raise ``Unauthorized`` if there is no such user any more.

    They are cached, and read again after any change to the user, their roles or a role, by whatever
    process.
    """

    async def read() -> Rights:
        user = await site.db.one(standing_of(user_id))
        if user is None:
            raise Unauthorized(Text("This account cannot sign in."))
        grants = await site.db.all(grants_of(user_id))
        return _rights(roles_of(site), user, grants, await site.db.all(stored_roles()))

    key = ("accounts.rights", user_id)
    return await site.cache.get_or_make(key, read, seconds=_CACHED, type=Rights)


def rights_of(roles: Roles, user_id: str) -> Rights:
    """Return the rights of a user, inside a unit of work. Raise ``NotFound``."""
    user = standing_of(user_id).one()
    if user is None:
        raise NotFound(Text("There is no such user."))
    return _rights(roles, user, grants_of(user_id).all(), stored_roles().all())


def _rights(
    roles: Roles, user: Standing, grants: Sequence[GrantRow], made: Sequence[StoredRoleRow]
) -> Rights:
    stored = by_name(made)
    held = {user.role, *(grant.role for grant in grants)}
    scoped = frozenset(
        (permission, grant.object_id)
        for grant in grants
        for permission in roles.allowed_within(grant.role, grant.scope, stored)
    )
    is_held_back = not user.has_two_factor and any(
        roles.needs_two_factor(role, stored) for role in held
    )
    return Rights(
        user.id,
        user.name,
        user.role,
        user.status,
        user.expires_at,
        roles.allowed(user.role, stored),
        scoped,
        roles.basic if is_held_back else None,
    )
