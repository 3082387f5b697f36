"""All roles of a site beside all that can be allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from changemaker_core import NotFound, Text
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from changemaker_core import Actor, Site


class Group(NamedTuple):
    """The permissions that a plugin brings, by name, with what each means."""

    plugin: str
    permissions: Mapping[str, str]


class Choice(NamedTuple):
    """A permission in a form: whether it is ticked, and whether the visitor may give it.

    ``is_known`` is false for one of a plugin that is not installed any more.
    """

    name: str
    description: str
    is_ticked: bool
    is_held: bool
    is_known: bool


@dataclass(frozen=True, slots=True)
class Roster:
    """What the pages about roles show.

    ``holders`` are the numbers of users who hold a role for the whole site, and for single
    objects. ``versions`` are those of the roles that the site made.
    """

    roles: Sequence[accounts.RoleOut]
    groups: Sequence[Group]
    holders: Mapping[str, tuple[int, int]]
    versions: Mapping[str, str]

    @property
    def descriptions(self) -> dict[str, str]:
        """What each permission means."""
        return {name: text for group in self.groups for name, text in group.permissions.items()}

    def role(self, name: str) -> accounts.RoleOut:
        """Return the role of this name. Raise ``NotFound``."""
        for role in self.roles:
            if role.name == name:
                return role
        raise NotFound(Text("There is no such role."))

    def allows(self, role: accounts.RoleOut, permission: str) -> bool:
        """Return whether a role allows something, by itself or as everybody may do it."""
        own = permission in role.permissions or accounts.EVERYTHING in role.permissions
        return own or permission in self.role(accounts.USER).permissions

    def allowed(self, role: accounts.RoleOut, by: Actor) -> list[str]:
        """Return what a copy of a role that ``by`` makes can allow."""
        if accounts.EVERYTHING in role.permissions:
            names = list(self.descriptions)
        else:
            names = [each for each in role.permissions if each in self.descriptions]
        return [each for each in names if by.has_permission(each)]

    def choices(self, by: Actor, ticked: Collection[str]) -> list[tuple[Group, list[Choice]]]:
        """Return all permissions by plugin, those of plugins that are gone at the end."""

        def choice(name: str, text: str, *, is_known: bool = True) -> Choice:
            return Choice(name, text, name in ticked, by.has_permission(name), is_known)

        gone = sorted(set(ticked) - {*self.descriptions, accounts.EVERYTHING})
        shown = [
            (group, [choice(name, text) for name, text in group.permissions.items()])
            for group in self.groups
        ]
        if gone:
            lost = Group("", dict.fromkeys(gone, ""))
            shown.append((lost, [choice(name, name, is_known=False) for name in gone]))
        return shown


async def read_roster(site: Site) -> Roster:
    """Return all roles of a site, and what each can allow."""
    roles, made = accounts.roles_of(site), await site.db.all(accounts.stored_roles())
    whole = await site.db.all(accounts.users_by_role())
    single = await site.db.all(accounts.users_by_granted_role())
    of_site = {row.role: row.users for row in whole}
    of_objects = {row.role: row.users for row in single}
    groups: dict[str, dict[str, str]] = {}
    for name, permission in sorted(roles.permissions.items()):
        groups.setdefault(name.partition(".")[0], {})[name] = permission.description
    return Roster(
        roles=accounts.all_roles(roles, made),
        groups=[Group(plugin, permissions) for plugin, permissions in groups.items()],
        holders={
            role: (of_site.get(role, 0), of_objects.get(role, 0))
            for role in {*of_site, *of_objects}
        },
        versions={row.name: row.updated_at.isoformat() for row in made},
    )
