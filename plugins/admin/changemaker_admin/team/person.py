"""``/admin/team/{id}``: one person, what they may do, where they are signed in, what they did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_admin.audit.editors import last_editor
from changemaker_admin.audit.words import words_of
from changemaker_admin.refusals import show_refusal
from changemaker_admin.team.choices import role_choices
from changemaker_admin.team.managing import (
    actor_of,
    find_person,
    manage,
    name_of,
    path_of,
    refusal_of,
)
from changemaker_core import (
    EditConflict,
    Email,
    Form,
    PersonName,
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
from changemaker_core.features.audit import api as audit

if TYPE_CHECKING:
    from changemaker_core import MergedEdits, Request, Response, Tx

#: Entries of the audit log that the page shows.
_LATEST: Final = 8
LABELS: Final = {
    "name": Text("Name"),
    "email": Text("Email address"),
    "phone": Text("Phone"),
    "locale": Text("Language"),
    "role": Text("Role"),
    "expires_at": Text("Account ends"),
}


class PersonForm(msgspec.Struct, frozen=True, kw_only=True):
    """What can be changed of a person's account."""

    name: Annotated[PersonName, Meta(min_length=1, max_length=200)]
    email: Email
    phone: Annotated[SingleLine, Meta(max_length=32)] = ""
    locale: Annotated[str, Meta(max_length=8)] = ""
    role: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    version: str = ""
    seen: str = ""


class PersonPage:
    """``/admin/team/{id}``"""

    @endpoint(permission=accounts.READ_USERS)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """A person of the team."""
        person = await find_person(req.site, id)
        return await self._page(req, person, form_of(req, person))

    @endpoint(permission=accounts.WRITE_USERS, recent_sign_in=True, form=PersonForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[PersonForm]
    ) -> TemplateResponse | Redirect:
        """Change a person's account."""
        person, merged, status = await find_person(req.site, id), None, 422
        if form.value is not None:
            try:
                await manage(req, _save, id, req, changes_of(form, form_of(req, person)), form)
                return Redirect(path_of(id))
            except EditConflict as conflict:
                person, status = await find_person(req.site, id), 409
                merged = await self._merged(req, person, form, conflict)
            except Problem as refused:
                show_refusal(form, refused)
        return await self._page(req, person, form, merged, status)

    async def _merged(
        self,
        req: Request,
        person: accounts.UserDetail,
        form: Form[PersonForm],
        conflict: EditConflict,
    ) -> MergedEdits:
        saved = form_of(req, person)
        by = await last_editor(req.site, "accounts.user.changed", person.id)
        return merge_edits(form, saved, LABELS, at=conflict.saved_at, by=by)

    async def _page(
        self,
        req: Request,
        person: accounts.UserDetail,
        form: Form[PersonForm],
        merged: MergedEdits | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        site, by = req.site, actor_of(req)
        refusal = await refusal_of(req, person.id)
        context: dict[str, Any] = {
            "person": person,
            "name": name_of(person),
            "form": form,
            "merged": merged,
            "labels": LABELS,
            "refusal": refusal,
            "is_oneself": by.user_id == person.id,
            "roles": await role_choices(site, by),
            "scopes": accounts.roles_of(site).scopes,
            "now": site.clock(),
            "sessions": [],
            "keys": [],
            "entries": None,
        }
        if refusal is None:
            listed = await accounts.open_sessions(site, person.id)
            context["sessions"] = [(each, accounts.describe(each.user_agent)) for each in listed]
            context["keys"] = await site.db.all(accounts.keys_with_owners(email=person.email))
        if by.has_permission(audit.READ):
            rows = await site.db.all(audit.entries(actor=person.id, limit=_LATEST))
            entries = await audit.with_values(site, rows)
            scopes = context["scopes"]
            context["entries"] = [(entry, words_of(entry.action, scopes)) for entry in entries]
        status = status if form.errors or merged else 200
        return TemplateResponse("admin/team/person.html", context, status=status)


def form_of(req: Request, person: accounts.UserDetail) -> Form[PersonForm]:
    """Return the form that shows a person's account as it is."""
    fields = {name: getattr(person, name) for name in LABELS}
    form: Form[PersonForm] = Form.of(PersonForm(**fields), zone=req.site.config.time_zone)
    begin_edit(form, person.updated_at.isoformat())
    return form


def changes_of(form: Form[PersonForm], shown: Form[PersonForm]) -> accounts.UserChange:
    """Return the fields in which what was typed differs from what is stored.

    A moment is shown to the minute: one that was not touched must not lose its seconds.
    """
    changed = {
        name: getattr(form.value, name)
        for name in LABELS
        if form.data.get(name, "") != shown.data.get(name, "")
    }
    if not changed.get("locale", True):
        del changed["locale"]
    return accounts.UserChange(**changed)


def _save(
    tx: Tx,
    roles: accounts.Roles,
    by: Any,
    id: str,
    req: Request,
    wanted: accounts.UserChange,
    form: Form[PersonForm],
) -> None:
    accounts.management.change(tx, roles, by, id, wanted, _moment(form))
    flash(tx, req, Text("The account is saved."))


def _moment(form: Form[PersonForm]) -> datetime:
    """Return the version that the form shows; one that nobody was given fits no account."""
    try:
        return datetime.fromisoformat(str(form.data.get("version", "")))
    except ValueError:
        return datetime.min
