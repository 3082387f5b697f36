"""``/admin/campaigns/new`` and ``/admin/campaigns/{id}``: a campaign is begun, and edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_core import (
    EditConflict,
    Form,
    ImageRejected,
    Invalid,
    MergedEdits,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    merge_edits,
)
from changemaker_influence.campaigns import permissions, placeholders, services
from changemaker_influence.campaigns.resources import MAX_PHOTO_BYTES
from changemaker_influence.campaigns.schemas import NewCampaign
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import (
    CHOICES,
    LABELS,
    LANGUAGE_NAMES,
    LEVEL_NAMES,
    CampaignForm,
    NewCampaignForm,
    change_of,
    form_of,
    show_errors,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_influence.campaigns.schemas import CampaignOut

#: Bytes of everything in the form but the photo.
_TEXTS = 500_000


class NewCampaignPage:
    """``/admin/campaigns/new``"""

    @endpoint(permission=permissions.WRITE)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Ask what a campaign begins with."""
        return _new(Form.blank(language=req.locale))

    @endpoint(permission=permissions.WRITE, form=NewCampaignForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NewCampaignForm]
    ) -> TemplateResponse | Redirect:
        """Create a draft, and go on to its page."""
        if form.value is None:
            return _new(form)
        begun = NewCampaign(**msgspec.structs.asdict(form.value), email_subject="", email_body="")

        def create(tx: Tx) -> CampaignOut:
            made = services.create(tx, begun, unfinished=True)
            flash(tx, req, Text("The draft is saved. Only your team sees it until you publish it."))
            return made

        try:
            made = await req.site.db.write(create)
        except Invalid as invalid:
            show_errors(form, invalid)
            return _new(form)
        return Redirect(frame.address(made.id))


class EditCampaignPage:
    """``/admin/campaigns/{id}``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show the form of a campaign."""
        campaign = await frame.load(req, id)
        return _edit(req, campaign, form_of(campaign, req.site.time_zone))

    @endpoint(
        permission=permissions.WRITE,
        on="id",
        form=CampaignForm,
        max_body=MAX_PHOTO_BYTES + _TEXTS,
    )
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[CampaignForm]
    ) -> TemplateResponse | Redirect:
        """Save a campaign."""
        campaign = await frame.load(req, id)
        photo = await _store_photo(req, form)
        if form.value is None:
            return _edit(req, campaign, form)
        wanted = change_of(msgspec.structs.replace(form.value, **photo))

        def save(tx: Tx) -> None:
            services.change(tx, id, wanted, unfinished=True)
            flash(tx, req, Text("Your changes are saved."))

        try:
            await req.site.db.write(save)
        except Invalid as invalid:
            show_errors(form, invalid)
            return _edit(req, campaign, form)
        except EditConflict as conflict:
            return await _conflict(req, id, form, conflict)
        return Redirect(frame.address(id))


async def _store_photo(req: Request, form: Form[CampaignForm]) -> dict[str, str]:
    """Store the photo of a form at once, so that an error elsewhere does not ask for it again."""
    upload = None if form.value is None else form.value.photo
    if upload is None or upload.size == 0:
        return {}
    try:
        path = await req.site.images.add("influence", upload)
    except ImageRejected as rejected:
        form.reject("photo", rejected.reason)
        return {}
    form.data["cover_photo"] = path
    return {"cover_photo": path}


async def _conflict(
    req: Request, id: str, form: Form[CampaignForm], conflict: EditConflict
) -> TemplateResponse:
    """Show the form with what was typed, beside what another person has saved."""
    stored = await frame.load(req, id)
    merged = merge_edits(
        form,
        form_of(stored, req.site.time_zone),
        LABELS,
        at=stored.updated_at,
        by=await frame.author_of(req, conflict),
        choices=CHOICES,
    )
    return _edit(req, stored, form, merged)


def _new(form: Form[NewCampaignForm]) -> TemplateResponse:
    context = {"form": form, "languages_of_campaigns": LANGUAGE_NAMES, "levels": LEVEL_NAMES}
    return TemplateResponse("influence/admin/new.html", context)


def _edit(
    req: Request,
    campaign: CampaignOut,
    form: Form[CampaignForm],
    merged: MergedEdits | None = None,
) -> TemplateResponse:
    context: dict[str, Any] = {
        **frame.frame_of(req, campaign),
        "form": form,
        "merged": merged,
        "labels": LABELS,
        "languages_of_campaigns": LANGUAGE_NAMES,
        "levels": LEVEL_NAMES,
        "placeholders": placeholders.named_in(campaign.language),
        "page_of_campaign": req.site.url("/campaigns/"),
    }
    status = 409 if merged is not None else None
    return TemplateResponse("influence/admin/edit.html", context, status=status)
