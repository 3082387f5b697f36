"""``/admin/roles``: what each role allows, and the roles that a site makes itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_admin.audit.editors import last_editor
from changemaker_admin.refusals import show_refusal
from changemaker_admin.roles.matrix import Choice, Group, Roster, read_roster
from changemaker_admin.team.managing import NoFields, actor_of
from changemaker_core import (
    EditConflict,
    Form,
    NotFound,
    Problem,
    Redirect,
    SingleLine,
    TemplateResponse,
    Text,
    begin_edit,
    endpoint,
    flash,
    merge_edits,
)
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Actor, MergedEdits, Request, Response, Tx

ROLES_PATH: Final = "/admin/roles"
LABELS: Final = {"description": Text("Description"), "permissions": Text("What it allows")}
Description = Annotated[SingleLine, Meta(min_length=1, max_length=300)]
Permissions = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=500)]


class NewRoleForm(msgspec.Struct, frozen=True, kw_only=True):
    """A role to make."""

    name: accounts.NewRoleName
    description: Description
    permissions: Permissions


class RoleForm(msgspec.Struct, frozen=True, kw_only=True):
    """What can be changed of a role that the site made."""

    description: Description
    permissions: Permissions
    version: str = ""
    seen: str = ""


class CopyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The role that a new one begins as a copy of."""

    copy: Annotated[str, Meta(max_length=64)] = ""


class RolesPage:
    """``/admin/roles``"""

    @endpoint(permission=accounts.READ_ROLES)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """All roles, and what each allows."""
        roster = await read_roster(req.site)
        context = {
            "roster": roster,
            "may_change": actor_of(req).has_permission(accounts.WRITE_ROLES),
            "sees_people": actor_of(req).has_permission(accounts.READ_USERS),
        }
        return TemplateResponse("admin/roles/roles.html", context)


class NewRolePage:
    """``/admin/roles/new``"""

    @endpoint(permission=accounts.WRITE_ROLES, query=CopyQuery)
    async def on_get(self, req: Request, resp: Response, *, query: CopyQuery) -> TemplateResponse:
        """Make a role, from nothing or as a copy."""
        roster = await read_roster(req.site)
        copied = roster.role(query.copy) if query.copy else None
        held = [] if copied is None else roster.allowed(copied, actor_of(req))
        return self._page(req, roster, Form.blank(permissions=held))

    @endpoint(permission=accounts.WRITE_ROLES, recent_sign_in=True, form=NewRoleForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NewRoleForm]
    ) -> TemplateResponse | Redirect:
        """Make it."""
        if form.value is not None:
            try:
                await req.site.db.write(_create, req, actor_of(req), form.value)
                return Redirect(f"{ROLES_PATH}/{form.value.name}")
            except Problem as refused:
                show_refusal(form, refused)
        return self._page(req, await read_roster(req.site), form, 422)

    def _page(
        self, req: Request, roster: Roster, form: Form[NewRoleForm], status: int = 200
    ) -> TemplateResponse:
        context = {
            "form": form,
            "labels": {"name": Text("Name"), **LABELS},
            "groups": _choices(roster, actor_of(req), form),
        }
        return TemplateResponse("admin/roles/new.html", context, status=status)


class RolePage:
    """``/admin/roles/{name}``"""

    @endpoint(permission=accounts.READ_ROLES)
    async def on_get(self, req: Request, resp: Response, *, name: str) -> TemplateResponse:
        """A role: what it allows, and who holds it."""
        roster = await read_roster(req.site)
        return self._page(req, roster, roster.role(name), form_of(roster, roster.role(name)))

    @endpoint(permission=accounts.WRITE_ROLES, recent_sign_in=True, form=RoleForm)
    async def on_post(
        self, req: Request, resp: Response, *, name: str, form: Form[RoleForm]
    ) -> TemplateResponse | Redirect:
        """Change a role that the site made."""
        merged, status = None, 422
        if form.value is not None:
            try:
                await req.site.db.write(_change, req, actor_of(req), name, form.value)
                return Redirect(f"{ROLES_PATH}/{name}")
            except EditConflict as conflict:
                roster = await read_roster(req.site)
                saved = form_of(roster, roster.role(name))
                by = await last_editor(req.site, "accounts.role.changed", name)
                merged, status = (
                    merge_edits(
                        form,
                        saved,
                        LABELS,
                        at=conflict.saved_at,
                        by=by,
                        choices={"permissions": roster.descriptions},
                    ),
                    409,
                )
            except Problem as refused:
                show_refusal(form, refused)
        roster = await read_roster(req.site)
        return self._page(req, roster, roster.role(name), form, merged, status)

    def _page(
        self,
        req: Request,
        roster: Roster,
        role: accounts.RoleOut,
        form: Form[RoleForm],
        merged: MergedEdits | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        by = actor_of(req)
        context: dict[str, Any] = {
            "role": role,
            "form": form,
            "merged": merged,
            "labels": LABELS,
            "roster": roster,
            "groups": _choices(roster, by, form),
            "refusal": _refusal(roster, by, role),
            "may_change": by.has_permission(accounts.WRITE_ROLES),
            "sees_people": by.has_permission(accounts.READ_USERS),
        }
        return TemplateResponse("admin/roles/role.html", context, status=status)


class DeleteRolePage:
    """``/admin/roles/{name}/delete``"""

    @endpoint(permission=accounts.WRITE_ROLES)
    async def on_get(self, req: Request, resp: Response, *, name: str) -> TemplateResponse:
        """Say what will happen."""
        roster = await read_roster(req.site)
        role = roster.role(name)
        return self._page(role, _refusal(roster, actor_of(req), role), 200)

    @endpoint(permission=accounts.WRITE_ROLES, recent_sign_in=True, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, name: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Delete a role that the site made and nobody holds."""
        site, by = req.site, actor_of(req)

        def delete(tx: Tx) -> None:
            accounts.role_services.delete_role(tx, accounts.roles_of(site), by, name)
            flash(tx, req, Text("The role {name} is deleted.", name=name))

        try:
            await site.db.write(delete)
        except NotFound:
            raise
        except Problem as refused:
            role = (await read_roster(site)).role(name)
            return self._page(role, refused.detail or refused.title, refused.status)
        return Redirect(ROLES_PATH)

    def _page(self, role: accounts.RoleOut, refusal: str | None, status: int) -> TemplateResponse:
        context = {"role": role, "refusal": refusal}
        return TemplateResponse("admin/roles/delete.html", context, status=status)


def form_of(roster: Roster, role: accounts.RoleOut) -> Form[RoleForm]:
    """Return the form that shows a role as it is."""
    shown = RoleForm(description=role.description, permissions=role.permissions)
    form: Form[RoleForm] = Form.of(shown)
    begin_edit(form, roster.versions.get(role.name, ""))
    return form


def _choices(roster: Roster, by: Actor, form: Form[Any]) -> list[tuple[Group, list[Choice]]]:
    ticked = form.data.get("permissions", [])
    return roster.choices(by, ticked if isinstance(ticked, list) else [ticked])


def _refusal(roster: Roster, by: Actor, role: accounts.RoleOut) -> Text | None:
    """Return why the visitor may not change a role, ``None`` where they may."""
    if role.built_in:
        return Text("This role comes with a plugin and stays as it is. Make a copy to change.")
    if not by.has_permission(accounts.WRITE_ROLES):
        return Text("You may see roles, and not change them.")
    if not all(by.has_permission(each) for each in role.permissions):
        return Text("This role allows something that you may not do, so you cannot change it.")
    return None


def _create(tx: Tx, req: Request, by: Actor, new: NewRoleForm) -> None:
    accounts.role_services.create_role(
        tx,
        accounts.roles_of(req.site),
        by,
        name=new.name,
        description=new.description,
        permissions=frozenset(new.permissions),
    )
    flash(
        tx, req, Text("The role {name} is made. Give it to people on their pages.", name=new.name)
    )


def _change(tx: Tx, req: Request, by: Actor, name: str, wanted: RoleForm) -> None:
    accounts.role_services.change_role(
        tx,
        accounts.roles_of(req.site),
        by,
        name,
        description=wanted.description,
        permissions=frozenset(wanted.permissions),
        seen=_moment(wanted.version),
    )
    flash(tx, req, Text("The role is saved. Its holders have the new rights within a second."))


def _moment(version: str) -> datetime:
    """Return the version that a form shows; one that nobody was given fits no role."""
    try:
        return datetime.fromisoformat(version)
    except ValueError:
        return datetime.min
