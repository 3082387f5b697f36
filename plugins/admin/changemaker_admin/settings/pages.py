"""``/admin/settings`` and the page of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.settings.inputs import sections_of
from changemaker_admin.settings.schemas import GroupForm, RestoreForm
from changemaker_admin.settings.values import (
    REENTER,
    changes,
    editable,
    form_of,
    labels_of,
    name_of,
    sent_pairs,
    typed_form,
    typed_secrets,
)
from changemaker_core import (
    Form,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    begin_edit,
    endpoint,
    flash,
    merge_edits,
    recent_sign_in_page,
)
from changemaker_core.features.settings import api

if TYPE_CHECKING:
    from changemaker_core import MergedEdits, Request, Response, Tx
    from changemaker_core.features.settings.api import GroupOut, TrialOut

    Pairs = list[tuple[str, str]]

#: The address of the overview, below which each group has its page.
PATH = "/admin/settings"
#: Versions that a group's own page shows; its history has all.
RECENT = 3


class SettingsPage:
    """``/admin/settings``"""

    @endpoint(permission=api.READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """All groups of settings."""
        groups = api.settings_groups(req.site, req.locale)
        return TemplateResponse("admin/settings/settings.html", {"groups": groups})


class GroupPage:
    """``/admin/settings/{slug}``"""

    @endpoint(permission=api.READ)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str
    ) -> TemplateResponse | Redirect:
        """The settings of a group."""
        group = group_of(req, slug)
        if group.recent_sign_in and may_write(req):  # now, and not once everything is typed
            if (asked := await recent_sign_in_page(req)) is not None:
                return asked
        return await group_page(req, group, form_of(group))

    @endpoint(permission=api.WRITE, form=GroupForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[GroupForm]
    ) -> TemplateResponse | Redirect:
        """Save the settings of a group."""
        group, pairs = group_of(req, slug), await sent_pairs(req)
        typed = typed_form(group, pairs)
        if group.recent_sign_in:
            if (asked := await _confirmed(req, group, typed, pairs)) is not None:
                return asked
            if _lacks_secrets(group, typed, pairs):
                return await group_page(req, group, typed)
        return await self._save(req, group, typed, pairs)

    async def _save(
        self, req: Request, group: GroupOut, typed: Form[GroupForm], pairs: Pairs
    ) -> TemplateResponse | Redirect:
        values = changes(group, pairs)
        version = str(typed.data.get("version", ""))
        text = Text("Your changes are saved.") if values else Text("There was nothing to save.")

        def saved(tx: Tx) -> None:
            flash(tx, req, text)

        try:
            await api.save_settings(
                req.site,
                group.name,
                values,
                version=int(version) if version.isdecimal() and len(version) < 10 else -1,
                also=saved,
            )
        except api.SettingsInvalid as error:
            for name, problem in error.problems.items():
                typed.reject(name_of(name) if _is_in_form(group, name) else "", problem)
            return await group_page(req, group, typed)
        except api.SettingsChanged:
            return await self._conflict(req, group_of(req, group.name), typed)
        return Redirect(f"{PATH}/{group.name}")

    async def _conflict(
        self, req: Request, group: GroupOut, typed: Form[GroupForm]
    ) -> TemplateResponse:
        """Show the form with everything that was typed, and what was saved meanwhile."""
        stored = form_of(group)
        begin_edit(stored, group.version)
        labels = labels_of(group, api.site_languages(req.site))
        merged = merge_edits(
            typed, stored, labels, at=group.changed_at or req.site.clock(), by=group.changed_by
        )
        return await group_page(req, group, typed, merged=merged, status=409)


def group_of(req: Request, slug: str) -> GroupOut:
    """Return the group of a path. Raises ``NotFound``."""
    try:
        return api.settings_group(req.site, slug, req.locale)
    except LookupError:
        raise NotFound(Text("There is no group of settings called {name}.", name=slug)) from None


def may_write(req: Request) -> bool:
    """Return whether who asks may change settings."""
    return req.actor is not None and req.actor.has_permission(api.WRITE)


async def group_page(
    req: Request,
    group: GroupOut,
    form: Form[GroupForm],
    *,
    merged: MergedEdits | None = None,
    trial: TrialOut | None = None,
    again: tuple[str, ...] = (),
    status: int | None = None,
) -> TemplateResponse:
    """Return the page of a group. ``again`` are secrets that must be typed again, as no page shows
    what was typed."""
    if "version" not in form.data:
        begin_edit(form, group.version)
    languages = api.site_languages(req.site)
    history = await api.settings_history(req.site, group.name, req.locale, limit=RECENT)
    context = {
        "group": group,
        "form": form,
        "merged": merged,
        "trial": trial,
        "again": again,
        "languages_of_site": languages,
        "sections": sections_of(group, languages),
        "pictures": [each for each in group.fields if each.kind == "image"],
        "labels": labels_of(group, languages),
        "history": history.data,
        "has_more": history.next is not None,
        "is_editable": may_write(req),
        "has_fields": any(True for _ in editable(group)),
    }
    return TemplateResponse("admin/settings/group.html", context, status)


async def _confirmed(
    req: Request, group: GroupOut, typed: Form[GroupForm], pairs: Pairs
) -> TemplateResponse | Redirect | None:
    """Return the page that asks for the password, which keeps everything except for secrets."""
    data: dict[str, str | list[str]] = dict(typed.data)
    if secrets := typed_secrets(group, pairs):
        data[REENTER] = " ".join(secrets)
    kept: Form[RestoreForm] = Form(data)
    return await recent_sign_in_page(req, kept)


def _lacks_secrets(group: GroupOut, typed: Form[GroupForm], pairs: Pairs) -> bool:
    """Reject a form whose secrets were not kept while the person confirmed who they are."""
    lost = set(str(typed.data.pop(REENTER, "")).split()) - set(typed_secrets(group, pairs))
    for field in editable(group):
        if field.name in lost and field.kind == "secret":
            text = Text("Enter this again: it was not kept while you confirmed your password.")
            typed.reject(name_of(field.name), text)
    return bool(typed.errors)


def _is_in_form(group: GroupOut, name: str) -> bool:
    return any(each.name == name for each in editable(group))
