"""A webhook is created or changed; its secret is shown once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_admin.audit.editors import last_editor
from changemaker_admin.refusals import show_refusal
from changemaker_admin.webhooks.managing import find_webhook, path_of, problem_of
from changemaker_core import (
    EditConflict,
    Form,
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
from changemaker_core.features.webhooks import api as webhooks

if TYPE_CHECKING:
    from changemaker_core import MergedEdits, Request, Response, Site, Tx

LABELS: Final = {
    "description": Text("What receives it"),
    "url": Text("Address"),
    "events": Text("Events"),
}


class WebhookForm(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook: where it is sent, and what of."""

    description: Annotated[SingleLine, Meta(max_length=200)] = ""
    url: Annotated[SingleLine, Meta(min_length=1, max_length=2_000)]
    events: Annotated[list[str], Meta(max_length=500)]
    version: str = ""
    seen: str = ""


class NewWebhookPage:
    """``/admin/webhooks/new``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Add a webhook."""
        return self._page(req, Form.blank(events=[]))

    @endpoint(
        permission=webhooks.MANAGE, recent_sign_in=True, form=WebhookForm, rate_limit="30/minute"
    )
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[WebhookForm]
    ) -> TemplateResponse:
        """Add it, and show its secret this once."""
        if form.value is not None:
            try:
                new = await _create(req.site, form.value)
            except Problem as refused:
                show_refusal(form, refused)
            else:
                context = {"webhook": new.endpoint, "secret": new.secret, "is_new": True}
                return TemplateResponse("admin/webhooks/secret.html", context)
        return self._page(req, form, 422)

    def _page(self, req: Request, form: Form[WebhookForm], status: int = 200) -> TemplateResponse:
        context = {"form": form, "labels": LABELS, "events": events_of(req)}
        return TemplateResponse("admin/webhooks/new.html", context, status=status)


class EditWebhookPage:
    """``/admin/webhooks/{id}/edit``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Change where a webhook is sent, and what of."""
        return await self._page(req, id, await form_of(req.site, id))

    @endpoint(
        permission=webhooks.MANAGE, recent_sign_in=True, form=WebhookForm, rate_limit="30/minute"
    )
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[WebhookForm]
    ) -> TemplateResponse | Redirect:
        """Save it."""
        merged, status = None, 422
        if form.value is not None:
            try:
                await _change(req, id, form.value)
                return Redirect(path_of(id))
            except EditConflict as conflict:
                saved = await form_of(req.site, id)
                words = {"events": {event.name: event.label for event in events_of(req)}}
                by = await last_editor(req.site, "webhooks.endpoint.changed", id)
                merged = merge_edits(
                    form, saved, LABELS, at=conflict.saved_at, by=by, choices=words
                )
                status = 409
            except Problem as refused:
                show_refusal(form, refused)
        return await self._page(req, id, form, merged, status)

    async def _page(
        self,
        req: Request,
        id: str,
        form: Form[WebhookForm],
        merged: MergedEdits | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        context = {
            "webhook": await find_webhook(req.site, id),
            "form": form,
            "merged": merged,
            "labels": LABELS,
            "events": events_of(req),
        }
        return TemplateResponse("admin/webhooks/edit.html", context, status=status)


def events_of(req: Request) -> list[webhooks.EventOut]:
    """Return the events that a webhook can have, in the visitor's language."""
    translate = partial(req.site.translations.translate, locale=req.locale)
    return webhooks.listed_events(req.site, translate)


async def form_of(site: Site, id: str) -> Form[WebhookForm]:
    """Return the form that shows a webhook as it is. Raise ``RowNotFound``."""
    stored = await site.db.get(webhooks.endpoints(id=id))
    shown = WebhookForm(description=stored.description, url=stored.url, events=stored.events)
    form: Form[WebhookForm] = Form.of(shown)
    begin_edit(form, webhooks.version_of(stored))
    return form


async def _checked(site: Site, typed: WebhookForm, kept: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of a webhook. ``kept`` are events that it has already: their plugin may be
    gone for now. Raise a ``Problem`` for what cannot be."""
    known = [*kept, *(each.item.name for each in webhooks.events_of(site))]
    try:
        events = webhooks.check_events(typed.events, known)
    except webhooks.WebhookRefused as refused:
        raise problem_of(refused) from None
    await asyncio.to_thread(webhooks.check_url, site, typed.url)
    return {"url": typed.url, "events": events, "description": typed.description}


async def _create(site: Site, typed: WebhookForm) -> webhooks.NewEndpoint:
    fields = await _checked(site, typed)
    sealer = webhooks.sealer_of(site)
    try:
        return await site.db.write(lambda tx: webhooks.create(tx, sealer, **fields))
    except webhooks.WebhookRefused as refused:
        raise problem_of(refused) from None


async def _change(req: Request, id: str, typed: WebhookForm) -> None:
    stored = await req.site.db.get(webhooks.endpoints(id=id))
    fields = await _checked(req.site, typed, tuple(stored.events))

    def change(tx: Tx) -> None:
        webhooks.change(tx, id, fields, typed.version)
        flash(tx, req, Text("The webhook is saved."))

    await req.site.db.write(change)
