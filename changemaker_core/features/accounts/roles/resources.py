"""Roles, permissions and scopes over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, structs

from changemaker_core import FieldError, Invalid, NotFound, Text, Unauthorized, endpoint
from changemaker_core.features.accounts.own import check_recent_sign_in_unless_key
from changemaker_core.features.accounts.roles import services
from changemaker_core.features.accounts.roles.queries import stored_roles
from changemaker_core.features.accounts.roles.roles import (
    EVERYTHING,
    READ_ROLES,
    WRITE_ROLES,
    roles_of,
)
from changemaker_core.features.accounts.roles.schemas import (
    NewRole,
    PermissionList,
    PermissionOut,
    RoleChange,
    RoleList,
    RoleOut,
    ScopeList,
    ScopeOut,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Request, Response, Site, Tx
    from changemaker_core.features.accounts.roles.queries import StoredRoleRow
    from changemaker_core.features.accounts.roles.roles import Roles

_REFUSED = {
    403: "The role allows something that you do not hold.",
    409: "There is a role of this name, it comes with a plugin, or somebody holds it.",
}


class _Roles:
    """What the resources of roles share."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._roles = roles_of(site)

    async def _listed(self, req: Request) -> list[RoleOut]:
        translate = self._site.translations.translate
        return [
            structs.replace(role, description=translate(role.description, req.locale))
            if role.built_in
            else role
            for role in all_roles(self._roles, await self._site.db.all(stored_roles()))
        ]

    async def _one(self, req: Request, name: str) -> RoleOut:
        found = next((role for role in await self._listed(req) if role.name == name), None)
        if found is None:
            raise NotFound(Text("There is no such role."))
        return found


class RolesResource(_Roles):
    """``/api/roles``"""

    @endpoint(permission=READ_ROLES, response=RoleList)
    async def on_get(self, req: Request, resp: Response) -> RoleList:
        """List all roles: those that come with plugins, and those that the site made."""
        return RoleList(await self._listed(req))

    @endpoint(
        permission=WRITE_ROLES, body=NewRole, response=RoleOut, status=201, responses=_REFUSED
    )
    async def on_post(self, req: Request, resp: Response, *, body: NewRole) -> RoleOut:
        """Make a role, with permissions or as a copy of another."""
        permissions = await self._permissions(req, body)
        if (by := req.actor) is None:
            raise Unauthorized

        def create(tx: Tx) -> None:
            services.create_role(
                tx,
                self._roles,
                by,
                name=body.name,
                description=body.description,
                permissions=permissions,
            )

        await self._site.db.write(create)
        resp.set_header("Location", f"{req.root_path}/api/roles/{body.name}")
        return await self._one(req, body.name)

    async def _permissions(self, req: Request, body: NewRole) -> frozenset[str]:
        if (body.permissions is None) == (body.copy_of is None):
            problem = Text("Give either permissions, or copy_of, the name of another role.")
            raise Invalid([FieldError("permissions", problem)])
        if body.permissions is not None:
            return frozenset(body.permissions)
        listed = {role.name: role for role in await self._listed(req)}
        if body.copy_of not in listed:
            raise Invalid([FieldError("copy_of", Text("There is no such role."))])
        copied = listed[body.copy_of]
        if EVERYTHING in copied.permissions:
            return frozenset(self._roles.permissions)
        return frozenset(copied.permissions) - frozenset(copied.unknown_permissions)


class RoleResource(_Roles):
    """``/api/roles/{name}``"""

    @endpoint(permission=READ_ROLES, response=RoleOut)
    async def on_get(self, req: Request, resp: Response, *, name: str) -> RoleOut:
        """Return a role."""
        return await self._one(req, name)

    @endpoint(permission=WRITE_ROLES, body=RoleChange, response=RoleOut, responses=_REFUSED)
    async def on_patch(
        self, req: Request, resp: Response, *, name: str, body: RoleChange
    ) -> RoleOut:
        """Change a role that the site made. The rights of all who hold it change at once.

        To change what it allows needs a recent sign-in.
        """
        if body.permissions is not UNSET:
            await check_recent_sign_in_unless_key(req)
        if (by := req.actor) is None:
            raise Unauthorized

        def change(tx: Tx) -> None:
            services.change_role(
                tx,
                self._roles,
                by,
                name,
                description=None if body.description is UNSET else body.description,
                permissions=None if body.permissions is UNSET else frozenset(body.permissions),
            )

        await self._site.db.write(change)
        return await self._one(req, name)

    @endpoint(permission=WRITE_ROLES, status=204, responses=_REFUSED)
    async def on_delete(self, req: Request, resp: Response, *, name: str) -> None:
        """Delete a role that the site made and nobody holds."""
        if (by := req.actor) is None:
            raise Unauthorized
        await self._site.db.write(lambda tx: services.delete_role(tx, self._roles, by, name))


class PermissionsResource(_Roles):
    """``/api/permissions``"""

    @endpoint(permission=READ_ROLES, response=PermissionList)
    async def on_get(self, req: Request, resp: Response) -> PermissionList:
        """List what roles can allow."""
        translate, scopes = self._site.translations.translate, self._roles.scopes.values()
        return PermissionList(
            [
                PermissionOut(
                    name=name,
                    description=translate(permission.description, req.locale),
                    scopes=sorted(each.name for each in scopes if name in each.permissions),
                )
                for name, permission in sorted(self._roles.permissions.items())
            ]
        )


class ScopesResource(_Roles):
    """``/api/scopes``"""

    @endpoint(permission=READ_ROLES, response=ScopeList)
    async def on_get(self, req: Request, resp: Response) -> ScopeList:
        """List the kinds of objects that a role can be limited to."""
        translate = self._site.translations.translate
        return ScopeList(
            [
                ScopeOut(
                    name=name,
                    label=translate(scope.label, req.locale),
                    permissions=sorted(scope.permissions),
                )
                for name, scope in sorted(self._roles.scopes.items())
            ]
        )


def all_roles(roles: Roles, stored: Sequence[StoredRoleRow]) -> list[RoleOut]:
    """Return every role of a site, by name, with untranslated descriptions."""
    made = {
        row.name: _role(roles, row.name, row.description, row.permissions, built_in=False)
        for row in stored
    }
    declared = {
        name: _role(roles, name, role.description, sorted(role.permissions), built_in=True)
        for name, role in roles.declared.items()
    }
    return [role for _, role in sorted({**declared, **made}.items())]


def _role(
    roles: Roles, name: str, description: str, permissions: list[str], *, built_in: bool
) -> RoleOut:
    known = {EVERYTHING, *roles.permissions}
    return RoleOut(
        name=name,
        description=description,
        built_in=built_in,
        permissions=permissions,
        unknown_permissions=[each for each in permissions if each not in known],
    )
