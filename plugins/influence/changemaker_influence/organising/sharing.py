"""``/admin/campaigns/{id}/share``: the link, a code to print, and words that go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from changemaker_core import (
    EditConflict,
    Form,
    Invalid,
    MultiLine,
    NotFound,
    Redirect,
    SendFile,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    qr_svg,
)
from changemaker_influence.campaigns import permissions, services
from changemaker_influence.campaigns.schemas import CampaignChange
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import show_errors, version_of

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_influence.campaigns.schemas import CampaignOut

PAGE: Final = "/share"
#: Words to send with the link: for one friend, and for everybody.
MESSAGE: Final = Text(
    "I wrote to my representatives: {title}. It takes two minutes. Will you write too? {link}"
)
POST: Final = Text("{title}: write to your representatives: {link}")


class ThanksForm(msgspec.Struct, frozen=True, kw_only=True):
    """What supporters read once their letter was sent."""

    thank_you: Annotated[MultiLine, Meta(max_length=20_000)] = ""
    version: str = ""


class SharePage:
    """``/admin/campaigns/{id}/share``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show the link, the code and the words, and the text of thanks."""
        return _page(req, await frame.load(req, id))

    @endpoint(permission=permissions.WRITE, on="id", form=ThanksForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[ThanksForm]
    ) -> TemplateResponse | Redirect:
        """Save the text of thanks."""
        if (typed := form.value) is not None:
            wanted = CampaignChange(thank_you=typed.thank_you, version=version_of(typed.version))

            def save(tx: Tx) -> None:
                services.change(tx, id, wanted, unfinished=True)
                flash(tx, req, Text("Your changes are saved."))

            try:
                await req.site.db.write(save)
            except Invalid as invalid:
                show_errors(form, invalid)
            except EditConflict:
                form.reject("thank_you", frame.CHANGED)
            else:
                return Redirect(frame.address(id, PAGE))
        return _page(req, await frame.load(req, id), form)


class QrCodeFile:
    """``/admin/campaigns/{id}/share/code.svg``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> SendFile:
        """Return the code as a picture that prints sharply at any size."""
        campaign = await frame.load(req, id)
        if campaign.published_at is None:
            raise NotFound
        picture = _code(req, campaign)
        return SendFile(picture.encode(), "image/svg+xml", download=f"{campaign.slug}-qr.svg")


def link_to(req: Request, campaign: CampaignOut) -> str:
    """Return the whole address of a campaign's page."""
    return req.site.url(f"/campaigns/{campaign.slug}")


def _code(req: Request, campaign: CampaignOut) -> str:
    title = Text("QR code with the link to this campaign")
    words = req.site.translations.translate(title, req.locale)
    return str(qr_svg(link_to(req, campaign), words))


def _page(
    req: Request, campaign: CampaignOut, form: Form[ThanksForm] | None = None
) -> TemplateResponse:
    if form is None:
        form = Form.of(ThanksForm(thank_you=campaign.thank_you, version=str(campaign.version)))
    else:
        form.data["version"] = str(campaign.version)
    link = link_to(req, campaign)
    translate = req.site.translations.translate

    def words(text: Text) -> str:
        """Return words to share, in the campaign's own language."""
        return translate(text, campaign.language).format(title=campaign.title, link=link)

    context = {
        **frame.frame_of(req, campaign),
        "link": link,
        "code": qr_svg(link, translate(Text("QR code with the link to this campaign"), req.locale))
        if campaign.published_at
        else None,
        "texts": [words(MESSAGE), words(POST)],
        "form": form,
    }
    return TemplateResponse("influence/admin/share.html", context)
