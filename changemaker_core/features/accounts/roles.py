"""Roles: named sets of permissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_core import Permission, Role, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUPER_ADMIN: Final = "SUPER_ADMIN"

PERMISSIONS: Final = [
    Permission("accounts.me.read", Text("See your own account")),
    Permission("accounts.user.write", Text("Create and change users")),
]
ROLES: Final = [
    Role(SUPER_ADMIN, Text("Can do everything"), frozenset({"*"})),
    Role("USER", Text("Can sign in"), frozenset({"accounts.me.read"})),
]


class UnknownRole(ValueError):
    """No plugin registered a role of this name."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a site, by name. Whoever may sign in may do what ``USER`` may."""

    by_name: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, roles: Iterable[Role]) -> Roles:
        return cls({role.name: role.permissions for role in roles})

    def permissions(self, role: str) -> frozenset[str]:
        """What ``role`` allows. A role whose plugin is gone allows what ``USER`` allows."""
        return self.by_name.get(role, frozenset()) | self.by_name["USER"]

    def check(self, role: str) -> None:
        """Raises ``UnknownRole``, naming those that exist."""
        if role not in self.by_name:
            known = ", ".join(sorted(self.by_name))
            raise UnknownRole(
                Text("There is no role {role}; there are: {known}.", role=role, known=known)
            )
