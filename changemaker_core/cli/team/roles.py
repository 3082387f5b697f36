"""``changemaker roles``: shows roles and what they allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site
from changemaker_core.cli.team.common import print_json
from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from changemaker_core.features.accounts.roles.schemas import RoleOut
    from changemaker_core.site import Site


@click.group()
def roles() -> None:
    """List roles and what they allow."""


@roles.command("list")
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_roles(site: Site, as_json: bool) -> None:
    """List the roles that come with plugins and those that the site made."""
    found = _roles(site)
    if as_json:
        print_json(found)
        return
    for role in found:
        made = "" if role.built_in else "  (made by the site)"
        click.echo(f"{role.name}  {role.description}{made}")


@roles.command()
@pass_site
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def show(site: Site, name: str, as_json: bool) -> None:
    """Show what the role NAME allows, and where it can be limited to one object."""
    found = {role.name: role for role in _roles(site)}
    if name not in found:
        raise CommandError(f"There is no role {name!r}.{did_you_mean(name, found)}")
    role = found[name]
    if as_json:
        print_json(role)
    else:
        click.echo("\n".join(_described(site, role)))


def _roles(site: Site) -> list[RoleOut]:
    from changemaker_core.features.accounts.roles.queries import stored_roles
    from changemaker_core.features.accounts.roles.resources import all_roles
    from changemaker_core.features.accounts.roles.roles import roles_of

    return all_roles(roles_of(site), site.db.sync.all(stored_roles()))


def _described(site: Site, role: RoleOut) -> list[str]:
    from changemaker_core.features.accounts.roles.roles import EVERYTHING, roles_of

    declared = roles_of(site)
    lines = [f"{role.name}  {role.description}"]
    for permission in role.permissions:
        if permission == EVERYTHING:
            lines.append("  *  everything")
        elif permission in role.unknown_permissions:
            lines.append(f"  {permission}  (of a plugin that is not installed)")
        else:
            lines.append(f"  {permission}  {declared.permissions[permission].description}")
    for scope in declared.scopes.values():
        if EVERYTHING in role.permissions or scope.permissions & set(role.permissions):
            lines.append(f"It can be limited to one object of the kind {scope.name}.")
    return lines
