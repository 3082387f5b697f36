"""What changes of settings look like before they are saved, for a frame in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from changemaker_admin.settings.pages import PATH, group_of
from changemaker_admin.settings.schemas import GroupForm, LookQuery
from changemaker_admin.settings.values import changes, sent_pairs
from changemaker_core import Form, NotFound, TemplateResponse, endpoint
from changemaker_core.features.settings import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response

#: A preview is shown in a frame of this site.
_CSP = {"frame-ancestors": "'self'"}
_HEADERS = (("X-Frame-Options", "SAMEORIGIN"),)


class PreviewPage:
    """``/admin/settings/{slug}/preview``"""

    @endpoint(permission=api.READ, query=LookQuery, csp=_CSP)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, query: LookQuery
    ) -> TemplateResponse:
        """What is saved, or a look with other colours."""
        if slug == "appearance":
            return _look(req, _colors(query))
        return _texts(req, slug, {})

    @endpoint(permission=api.READ, form=GroupForm, csp=_CSP)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[GroupForm]
    ) -> TemplateResponse:
        """What was typed, as visitors would see it. Nothing is saved."""
        typed = changes(group_of(req, slug), await sent_pairs(req))
        return _look(req, typed) if slug == "appearance" else _texts(req, slug, typed)


class LookSheet:
    """``/admin/settings/appearance/colors.css``"""

    @endpoint(permission=api.READ, query=LookQuery, produces="text/css; charset=utf-8")
    async def on_get(self, req: Request, resp: Response, *, query: LookQuery) -> bytes:
        """The style sheet of a look that is not saved."""
        try:
            return api.look_of(req.site, _colors(query)).stylesheet.encode()
        except api.SettingsInvalid:
            raise NotFound from None


def _colors(query: LookQuery) -> dict[str, str]:
    given = {"brand": query.brand, "accent": query.accent}
    return {name: color for name, color in given.items() if color is not None}


def _look(req: Request, values: dict[str, Any]) -> TemplateResponse:
    """Return a page in a look, or what is wrong with it. A page asks for 200 in either case: the
    frame is no form."""
    try:
        look = api.look_of(req.site, values)
    except api.SettingsInvalid as error:
        context: dict[str, Any] = {"problems": list(error.problems.values())}
    else:
        shown = {name: each.color for name, each in look.contrasts.items()}
        sheet = f"{PATH}/appearance/colors.css?{urlencode(shown)}"
        context = {"problems": [], "contrasts": look.contrasts, "sheet": sheet}
    return TemplateResponse("admin/settings/preview_look.html", context, headers=_HEADERS)


def _texts(req: Request, slug: str, typed: dict[str, Any]) -> TemplateResponse:
    """Return the texts of the organisation as visitors would see them."""
    if slug != "organisation":
        raise NotFound
    group = group_of(req, slug)
    values = {each.name: each.value for each in group.fields} | typed
    return TemplateResponse(
        "admin/settings/preview_texts.html", {"values": values}, headers=_HEADERS
    )
