"""Roles: named sets of permissions, which plugins declare or a site makes."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from changemaker_core import InvalidId, Permission, Role, RowNotFound, Scope, Text
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.identity import PERMISSIONS as PERMISSION_KIND
from changemaker_core.identity import ROLES as ROLE_KIND
from changemaker_core.identity import SCOPES as SCOPE_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_core import Site
    from changemaker_core.features.accounts.roles.queries import StoredRoleRow

SUPER_ADMIN: Final = "SUPER_ADMIN"
#: The role whose permissions everybody has who can sign in.
USER: Final = "USER"
#: The role of temporary accounts; plugins let it do more where they need to.
TEMP: Final = "TEMP"
EVERYTHING: Final = "*"

READ_USERS: Final = "accounts.user.read"
WRITE_USERS: Final = "accounts.user.write"
READ_ROLES: Final = "accounts.role.read"
WRITE_ROLES: Final = "accounts.role.write"

PERMISSIONS: Final = [
    Permission("accounts.me.read", Text("See your own account")),
    Permission("accounts.me.write", Text("Change your own account, end its sessions")),
    Permission(READ_USERS, Text("See all user accounts")),
    Permission(WRITE_USERS, Text("Create and edit user accounts, and give them roles")),
    Permission(READ_ROLES, Text("See the roles and what they allow")),
    Permission(WRITE_ROLES, Text("Create and edit roles")),
]
ROLES: Final = [
    Role(SUPER_ADMIN, Text("Can do everything"), frozenset({EVERYTHING})),
    Role(TEMP, Text("Can sign in for a while"), frozenset()),
    Role(USER, Text("Can sign in"), frozenset({"accounts.me.read", "accounts.me.write"})),
]

#: What roles that the site made allow, by name.
Stored: TypeAlias = "Mapping[str, frozenset[str]]"


class UnknownRole(ValueError):
    """There is no role of this name."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the plugins of a site declare: roles, permissions and scopes, by name.

    Every role includes the permissions of ``USER``. A role that the site made counts where a plugin
    declares one of the same name later: its holders keep what they were given.
    """

    declared: Mapping[str, Role]
    permissions: Mapping[str, Permission]
    scopes: Mapping[str, Scope]
    #: Roles that are configured to need two-factor sign-in.
    two_factor: frozenset[str] = frozenset()

    def allowed(self, role: str, stored: Stored) -> frozenset[str]:
        """Return the permissions of a role; those of ``USER`` where there is no such role."""
        return self._own(role, stored) | self.basic

    @property
    def basic(self) -> frozenset[str]:
        """The permissions of everybody who can sign in."""
        return self.declared[USER].permissions

    def allowed_within(self, role: str, scope: str, stored: Stored) -> frozenset[str]:
        """Return the permissions of a role that is limited to one object of a scope."""
        if scope not in self.scopes:  # its plugin is gone
            return frozenset()
        limited = self.scopes[scope].permissions
        own = self._own(role, stored)
        return limited if EVERYTHING in own else limited & own

    def needs_two_factor(self, role: str, stored: Stored) -> bool:
        """Return whether a role needs two-factor sign-in: it is one of those that are configured
        to, or allows all that one of them does beyond what everybody can do. So does its copy."""
        own = self._everything(role, stored)
        beyond = (self._everything(each, stored) - self.basic for each in self.two_factor)
        return role in self.two_factor or any(each and each <= own for each in beyond)

    def nearly_needs_two_factor(self, role: str, stored: Stored) -> str | None:
        """Return the role that needs two-factor sign-in and that most is allowed of by another one,
        which does not need it; ``None`` where there is none."""
        if self.needs_two_factor(role, stored):
            return None
        own = self._everything(role, stored)
        for each in sorted(self.two_factor):
            beyond = self._everything(each, stored) - self.basic
            if len(beyond & own) * 2 > len(beyond):
                return each
        return None

    def _everything(self, role: str, stored: Stored) -> frozenset[str]:
        own = self._own(role, stored)
        return own | self.permissions.keys() if EVERYTHING in own else own

    def title_of(self, scope: str, object_id: str) -> str | None:
        """Return the title of an object, inside a unit of work; ``None`` where there is none."""
        if scope not in self.scopes:
            return None
        try:
            return self.scopes[scope].find(object_id)
        except (InvalidId, RowNotFound):
            return None

    def id_of(self, scope: str, typed: str) -> str | None:
        """Return the id of an object as it is compared, inside a unit of work; ``None`` where there
        is no such object.

        A UUID can be typed in capitals, in braces or without dashes.
        """
        spellings = [typed]
        with contextlib.suppress(ValueError):
            spellings.insert(0, str(uuid.UUID(typed)))
        return next((each for each in spellings if self.title_of(scope, each) is not None), None)

    def check(self, role: str, stored: Stored) -> None:
        """Raise ``UnknownRole``, which lists the known roles, if there is no such role."""
        if role not in self.declared and role not in stored:
            known = ", ".join(sorted({*self.declared, *stored}))
            raise UnknownRole(
                Text("There is no role {role}. Choose one of: {known}.", role=role, known=known)
            )

    def _own(self, role: str, stored: Stored) -> frozenset[str]:
        if role in stored:
            return stored[role]
        declared = self.declared.get(role)
        return frozenset() if declared is None else declared.permissions


def roles_of(site: Site) -> Roles:
    """Return what the plugins of a site declare about roles."""
    loaded = site.loaded
    return Roles(
        {each.item.name: each.item for each in loaded.contributions(ROLE_KIND)},
        {each.item.name: each.item for each in loaded.contributions(PERMISSION_KIND)},
        {each.item.name: each.item for each in loaded.contributions(SCOPE_KIND)},
        frozenset(site.config_of(AccountsConfig).two_factor_roles),
    )


def by_name(rows: Iterable[StoredRoleRow]) -> Stored:
    """Return what the roles that the site made allow."""
    return {row.name: frozenset(row.permissions) for row in rows}
