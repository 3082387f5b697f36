"""Roles: named sets of permissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_core import Permission, Role, Text
from changemaker_core.identity import ROLES as ROLE_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_core import Site

SUPER_ADMIN: Final = "SUPER_ADMIN"

PERMISSIONS: Final = [
    Permission("accounts.me.read", Text("See your own account")),
    Permission("accounts.me.write", Text("Change your own account, end its sessions")),
    Permission("accounts.user.write", Text("Create and edit user accounts")),
]
ROLES: Final = [
    Role(SUPER_ADMIN, Text("Can do everything"), frozenset({"*"})),
    Role("USER", Text("Can sign in"), frozenset({"accounts.me.read", "accounts.me.write"})),
]


class UnknownRole(ValueError):
    """No plugin registers a role of this name."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a site, by name. Every role includes the permissions of ``USER``."""

    by_name: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, roles: Iterable[Role]) -> Roles:
        return cls({role.name: role.permissions for role in roles})

    def permissions(self, role: str) -> frozenset[str]:
        """Return the permissions of a role; those of ``USER`` if its plugin is gone."""
        return self.by_name.get(role, frozenset()) | self.by_name["USER"]

    def check(self, role: str) -> None:
        """Raise ``UnknownRole``, which lists the known roles, if there is no such role."""
        if role not in self.by_name:
            known = ", ".join(sorted(self.by_name))
            raise UnknownRole(
                Text("There is no role {role}. Choose one of: {known}.", role=role, known=known)
            )


def roles_of(site: Site) -> Roles:
    """Return the roles that the plugins of a site register."""
    return Roles.of(contribution.item for contribution in site.loaded.contributions(ROLE_KIND))
