"""``/admin/campaigns/{id}/preview``: the page of a campaign as each kind of supporter sees it, and
its letter in the organiser's own mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from changemaker_core import (
    Conflict,
    Form,
    LimitReached,
    MultiLine,
    Redirect,
    TemplateResponse,
    Text,
    TooManyRequests,
    endpoint,
    flash,
)
from changemaker_influence.campaigns import permissions, queries
from changemaker_influence.directories.errors import PostalCodeUnknown
from changemaker_influence.directories.lookup import LookupResult
from changemaker_influence.directories.representatives import (
    DirectoryEntry,
    Office,
    representative,
)
from changemaker_influence.emails import trials
from changemaker_influence.formatting import formatted_in_time
from changemaker_influence.organising import frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request, Response, Site, Tx
    from changemaker_influence.directories.levels import Level
    from changemaker_influence.emails.pages import CampaignPage

View = Literal["start", "found", "unknown", "paused", "ended"]
VIEWS: Final[Mapping[View, Text]] = {
    "start": Text("First visit"),
    "found": Text("Representatives found"),
    "unknown": Text("No representative found"),
    "paused": Text("Paused"),
    "ended": Text("Ended"),
}
#: The typed code of a preview.
POSTAL_CODE: Final = trials.POSTAL_CODE
#: A fictional person of each level, in the words of the directory of Canada.
OFFICES: Final[Mapping[Level, tuple[str, Text]]] = {
    "FEDERAL": ("Avery Tremblay", Text("Member of Parliament")),
    "PROVINCIAL": ("Jordan Okafor", Text("Member of the provincial legislature")),
    "MUNICIPAL": ("Casey Roy", Text("Councillor")),
    "SCHOOL_BOARD": ("Riley Chen", Text("School trustee")),
}


class PreviewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which supporter, on which screen."""

    view: View = "start"
    screen: Literal["wide", "phone"] = "wide"


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


class PreviewPage:
    """``/admin/campaigns/{id}/preview``"""

    @endpoint(permission=permissions.READ, on="id", query=PreviewQuery)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: PreviewQuery
    ) -> TemplateResponse:
        """Show the page in a frame, with a choice of supporters."""
        return await _page(req, id, query)


class TestLetterPage:
    """``/admin/campaigns/{id}/test``"""

    @endpoint(permission=permissions.READ, on="id", form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Send the letter to whoever asks for it."""
        campaign = await frame.load(req, id)

        def send(tx: Tx) -> None:
            email = trials.request_test(tx, campaign)
            text = Text("The test is on its way to {email}. Supporters see nothing of it.")
            flash(tx, req, Text(text.message, email=email))

        try:
            await req.site.db.write(send)
        except Conflict as conflict:
            form.reject("", conflict.detail or conflict.title)
            return await _page(req, id, PreviewQuery(), form, 409)
        except LimitReached as reached:
            form.reject("", Text("You have sent many tests. Please wait before the next one."))
            headers = TooManyRequests.of(reached).headers
            return await _page(req, id, PreviewQuery(), form, 429, headers)
        return Redirect(frame.address(id, "/preview"))


class FormattedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is being written."""

    text: Annotated[MultiLine, Meta(max_length=20_000)] = ""


class FormattedPage:
    """``/admin/campaigns/{id}/formatted``"""

    @endpoint(permission=permissions.READ, on="id", form=FormattedText)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[FormattedText]
    ) -> TemplateResponse:
        """Show a text as the public page would, for a script of the form."""
        text = "" if form.value is None else form.value.text
        context = {"text": await formatted_in_time(text)}
        return TemplateResponse("influence/admin/formatted.html", context)


class PreviewFrame:
    """``/admin/campaigns/{id}/preview/page``"""

    def __init__(self, site: Site, public: CampaignPage) -> None:
        self._site = site
        self._public = public

    # In a sandbox: no form of the page is sent, no script runs, whatever an organiser presses.
    @endpoint(
        permission=permissions.READ,
        on="id",
        query=PreviewQuery,
        csp={"frame-ancestors": "'self'", "sandbox": ""},
    )
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: PreviewQuery
    ) -> TemplateResponse:
        """Show the public page of a campaign, published or not."""
        campaign = queries.as_published(await frame.load(req, id))
        if query.view in ("paused", "ended"):
            status = "ARCHIVED" if query.view == "ended" else "PAUSED"
            closed = msgspec.structs.replace(campaign, status=status, ends_at=None)
            return await self._public.closed(closed)
        # As it is once it is open, whenever that is.
        campaign = msgspec.structs.replace(campaign, status="ACTIVE", starts_at=None, ends_at=None)
        if query.view == "unknown":
            error = PostalCodeUnknown("a preview")
            return await self._public.shown(campaign, POSTAL_CODE, error=error)
        found = self._sample(req.locale) if query.view == "found" else None
        typed = "" if found is None else POSTAL_CODE
        return await self._public.shown(campaign, typed, found)

    def _sample(self, locale: str) -> LookupResult:
        """Return what a postal code would find: a fictional person of each level."""
        people = [
            representative(
                name=name,
                elected_office=self._site.translations.translate(office, locale),
                email=f"{name.lower().replace(' ', '.')}@example.org",
                level=level,
                offices=[Office(type="constituency", tel="613 555-0100")],
            )
            for level, (name, office) in OFFICES.items()
        ]
        return LookupResult(
            code=POSTAL_CODE.replace(" ", ""),
            formatted_code=POSTAL_CODE,
            entry=DirectoryEntry(city="Ottawa", province="ON", representatives=tuple(people)),
            source="live",
            cached_at=None,
        )


async def _page(
    req: Request,
    id: str,
    query: PreviewQuery,
    form: Form[NoFields] | None = None,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> TemplateResponse:
    campaign = await frame.load(req, id)
    views = dict(VIEWS)
    if not campaign.target_government_levels:
        for needless in ("found", "unknown"):
            del views[needless]
    context: dict[str, Any] = {
        **frame.frame_of(req, campaign),
        "form": form,
        "views": views,
        "view": query.view,
        "screen": query.screen,
    }
    template = "influence/admin/preview.html"
    return TemplateResponse(template, context, status=status, headers=tuple(headers))
