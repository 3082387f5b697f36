"""What can be chosen in the forms about the team: roles that the visitor may give, and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Actor, Site


class Object(NamedTuple):
    """An object that a role can be limited to. ``value`` is what a form sends for it."""

    scope: str
    id: str
    title: str

    @property
    def value(self) -> str:
        """The object as the value of a field."""
        return f"{self.scope} {self.id}"


class RoleChoices(NamedTuple):
    """Roles by name, with what they are for, and the names of those that the visitor lacks."""

    offered: dict[str, str]
    beyond: list[str]


async def role_choices(site: Site, by: Actor, scope: str = "") -> RoleChoices:
    """Return the roles that ``by`` may give for the whole site, or in a scope of objects."""
    roles, made = accounts.roles_of(site), await site.db.all(accounts.stored_roles())
    offered, beyond = {}, []
    for role in accounts.all_roles(roles, made):
        if accounts.role_services.can_give(roles, by, role.name, made, scope):
            offered[role.name] = role.description
        elif not scope:
            beyond.append(role.name)
    return RoleChoices(offered, beyond)


async def objects_of(site: Site, scope: str, text: str = "") -> list[Object]:
    """Return some objects of a scope whose title contains ``text``, the latest first."""
    found = accounts.roles_of(site).scopes.get(scope)
    if found is None or found.search is None:
        return []
    rows = await site.db.read(found.search, text)
    return [Object(scope, id, title) for id, title in rows]
