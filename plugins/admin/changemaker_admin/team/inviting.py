"""``/admin/team/invite``: a colleague gets a mail, and chooses a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_admin.refusals import show_refusal
from changemaker_admin.team.choices import objects_of, role_choices
from changemaker_admin.team.managing import actor_of, path_of
from changemaker_core import (
    Email,
    FieldError,
    Form,
    Invalid,
    PersonName,
    Problem,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Response, Tx

#: The value of the field that says where a role holds, for the whole site.
EVERYWHERE: Final = "site"


class InviteForm(msgspec.Struct, frozen=True, kw_only=True):
    """A person to invite. ``where`` is the whole site, or ``scope id`` of one object."""

    name: Annotated[PersonName, Meta(min_length=1, max_length=200)]
    email: Email
    role: Annotated[str, Meta(min_length=1, max_length=64)]
    where: Annotated[str, Meta(max_length=200)] = EVERYWHERE
    locale: Annotated[str, Meta(max_length=8)] = ""


class InvitePage:
    """``/admin/team/invite``"""

    @endpoint(permission=accounts.WRITE_USERS)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Invite a colleague."""
        form: Form[InviteForm] = Form.blank(role=accounts.USER, where=EVERYWHERE, locale=req.locale)
        return await self._page(req, form)

    @endpoint(
        permission=accounts.WRITE_USERS,
        recent_sign_in=True,
        form=InviteForm,
        rate_limit="30/minute",
    )
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[InviteForm]
    ) -> TemplateResponse | Redirect:
        """Send the invitation."""
        if form.value is not None:
            try:
                id = await req.site.db.write(invite, req, actor_of(req), form.value)
                return Redirect(path_of(id))
            except Problem as refused:
                fields = {"object_id": "where", "scope": "where"}
                show_refusal(form, refused, fields)
        return await self._page(req, form, status=422)

    async def _page(
        self, req: Request, form: Form[InviteForm], status: int = 200
    ) -> TemplateResponse:
        site, by = req.site, actor_of(req)
        scopes = accounts.roles_of(site).scopes
        context: dict[str, Any] = {
            "form": form,
            "roles": await role_choices(site, by),
            "objects": [
                (scope.label, objects)
                for name, scope in sorted(scopes.items())
                if (objects := await objects_of(site, name))
            ],
        }
        return TemplateResponse("admin/team/invite.html", context, status=status)


def invite(tx: Tx, req: Request, by: Actor, new: InviteForm) -> str:
    """Invite a person and return the id of their account, whole or not at all.

    Who gets a role for one object has the role ``USER`` for the site: they can sign in.
    """
    roles = accounts.roles_of(req.site)
    scope, _, object_id = new.where.partition(" ")
    everywhere = new.where == EVERYWHERE
    id = accounts.management.create(
        tx,
        roles,
        by,
        accounts.NewUser(
            email=new.email,
            name=new.name,
            role=new.role if everywhere else accounts.USER,
            locale=new.locale or None,
        ),
        None,
    )
    if not everywhere:
        if roles.id_of(scope, object_id) is None:
            raise Invalid([FieldError("object_id", Text("Choose where the role holds."))])
        accounts.role_services.grant(
            tx, roles, by, id, role=new.role, scope=scope, object_id=object_id
        )
    flash(tx, req, Text("The invitation is on its way to {email}.", email=new.email))
    return id
