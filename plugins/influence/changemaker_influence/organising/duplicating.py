"""``/admin/campaigns/{id}/duplicate``: a campaign that is like another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_core import Form, Invalid, Redirect, TemplateResponse, Text, endpoint, flash
from changemaker_influence.campaigns import copies, permissions, schemas
from changemaker_influence.campaigns.schemas import Duplicate
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import show_errors

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_influence.campaigns.schemas import CampaignOut


class DuplicateForm(msgspec.Struct, frozen=True, kw_only=True):
    """What comes along: a box that is not ticked stays behind."""

    title: schemas.Title
    texts: bool = False
    photo: bool = False
    recipients: bool = False


class DuplicatePage:
    """``/admin/campaigns/{id}/duplicate``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Ask what comes along."""
        permissions.check_can_create(req)
        campaign = await frame.load(req, id)
        title = req.site.translations.translate(
            Text("{title} (copy)", title=campaign.title), campaign.language
        )
        form: Form[DuplicateForm] = Form.of(
            DuplicateForm(title=title[:200], texts=True, photo=True, recipients=True)
        )
        return _page(req, campaign, form)

    @endpoint(permission=permissions.WRITE, on="id", form=DuplicateForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[DuplicateForm]
    ) -> TemplateResponse | Redirect:
        """Make the copy, and go on to it."""
        permissions.check_can_create(req)
        campaign = await frame.load(req, id)
        if form.value is None:
            return _page(req, campaign, form)
        wanted = Duplicate(**msgspec.structs.asdict(form.value))

        def copy(tx: Tx) -> CampaignOut:
            made = copies.duplicate(tx, id, wanted)
            flash(tx, req, Text("This is the copy: a draft that only your team sees."))
            return made

        try:
            made = await req.site.db.write(copy)
        except Invalid as invalid:
            show_errors(form, invalid)
            return _page(req, campaign, form)
        return Redirect(frame.address(made.id))


def _page(req: Request, campaign: CampaignOut, form: Form[DuplicateForm]) -> TemplateResponse:
    context = {**frame.frame_of(req, campaign), "form": form}
    return TemplateResponse("influence/admin/duplicate.html", context)
