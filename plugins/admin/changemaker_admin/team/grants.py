"""Roles for one object: given to a person, and taken from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from changemaker_admin.refusals import show_refusal
from changemaker_admin.team.choices import objects_of, role_choices
from changemaker_admin.team.managing import (
    NoFields,
    actor_of,
    find_person,
    manage,
    name_of,
    path_of,
    refusal_of,
)
from changemaker_core import (
    Form,
    NotFound,
    Problem,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """What object is looked for: its kind, and a part of its title."""

    scope: Annotated[str, Meta(max_length=100)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""


class GrantForm(msgspec.Struct, frozen=True, kw_only=True):
    """A role for one object."""

    scope: Annotated[str, Meta(min_length=1, max_length=100)]
    object_id: Annotated[str, Meta(min_length=1, max_length=64)]
    role: Annotated[str, Meta(min_length=1, max_length=64)]
    q: Annotated[str, Meta(max_length=200)] = ""


class GrantPage:
    """``/admin/team/{id}/roles/new``"""

    @endpoint(permission=accounts.WRITE_USERS, query=Looking)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: Looking
    ) -> TemplateResponse:
        """Choose an object, and the role that a person gets for it."""
        return await self._page(req, id, Form.blank(), query, 200)

    @endpoint(permission=accounts.WRITE_USERS, recent_sign_in=True, form=GrantForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[GrantForm]
    ) -> TemplateResponse | Redirect:
        """Give the role."""
        if form.value is not None:
            try:
                await manage(req, _grant, id, req, form.value)
                return Redirect(f"{path_of(id)}#grants")
            except Problem as refused:
                show_refusal(form, refused)
        looking = Looking(scope=_text(form, "scope"), q=_text(form, "q"))
        return await self._page(req, id, form, looking, 422)

    async def _page(
        self, req: Request, id: str, form: Form[GrantForm], looking: Looking, status: int
    ) -> TemplateResponse:
        site, person = req.site, await find_person(req.site, id)
        scopes = accounts.roles_of(site).scopes
        scope = looking.scope if looking.scope in scopes else next(iter(sorted(scopes)), "")
        context: dict[str, Any] = {
            "person": person,
            "name": name_of(person),
            "form": form,
            "refusal": await refusal_of(req, id),
            "scopes": scopes,
            "scope": scope,
            "q": looking.q,
            "can_search": bool(scope) and scopes[scope].search is not None,
            "objects": await objects_of(site, scope, looking.q),
            "roles": (await role_choices(site, actor_of(req), scope)).offered if scope else {},
        }
        return TemplateResponse("admin/team/grant.html", context, status=status)


class EndGrantPage:
    """``/admin/team/{id}/roles/{grant}/end``"""

    @endpoint(permission=accounts.WRITE_USERS)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, grant: str
    ) -> TemplateResponse:
        """Say what a person loses."""
        return await self._page(req, id, grant, await refusal_of(req, id), 200)

    @endpoint(permission=accounts.WRITE_USERS, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, grant: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Take the role."""

        def end(tx: Tx, roles: accounts.Roles, by: Any, id: str) -> None:
            accounts.role_services.end_grant(tx, roles, by, id, grant)
            flash(tx, req, Text("The role is taken away."))

        try:
            await manage(req, end, id)
        except NotFound:
            raise
        except Problem as refused:
            return await self._page(req, id, grant, refused.detail, refused.status)
        return Redirect(f"{path_of(id)}#grants")

    async def _page(
        self, req: Request, id: str, grant: str, refusal: str | None, status: int
    ) -> TemplateResponse:
        person = await find_person(req.site, id)
        held = next((each for each in person.grants if each.id == grant), None)
        if held is None:
            raise NotFound(Text("This person does not hold this role any more."))
        context = {"person": person, "name": name_of(person), "grant": held, "refusal": refusal}
        return TemplateResponse("admin/team/end_grant.html", context, status=status)


def _grant(
    tx: Tx, roles: accounts.Roles, by: Any, id: str, req: Request, wanted: GrantForm
) -> None:
    accounts.role_services.grant(
        tx, roles, by, id, role=wanted.role, scope=wanted.scope, object_id=wanted.object_id
    )
    flash(tx, req, Text("The role is given."))


def _text(form: Form[Any], name: str) -> str:
    return str(form.data.get(name, ""))
