"""What settings make of the public pages: their colours, and the privacy notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import NotFound, PageMetadata, Redirect, TemplateResponse, Text, endpoint
from changemaker_core.settings.own import Appearance, Organisation
from changemaker_core.web.templates import colors_path

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


class ColorsSheet:
    """``/colors/{slug}``"""

    @endpoint(public=True, produces="text/css; charset=utf-8", varies=())
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> bytes | Redirect:
        """The organisation's colours. The address has their hash; an earlier one leads here."""
        stylesheet = req.site.settings(Appearance).stylesheet
        path = colors_path(stylesheet)
        if path is None:
            raise NotFound
        if req.path != path:
            return Redirect(path, status=302, headers=(("cache-control", "no-cache"),))
        resp.set_header("Cache-Control", "public, max-age=31536000, immutable")
        return stylesheet.encode()


class PrivacyPage:
    """``/privacy``"""

    @endpoint(public=True, cache=300)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """The privacy notice, where the organisation has one."""
        text = in_language(req.site, req.site.settings(Organisation).privacy, req.locale)
        if not text:
            raise NotFound
        return TemplateResponse(
            "settings/privacy.html",
            {"text": text},
            metadata=PageMetadata(req.site.translations.translate(TITLE, req.locale)),
        )


TITLE = Text("Privacy notice")


def in_language(site: Site, texts: dict[str, str], locale: str) -> str:
    """Return the text in a reader's language, else in the site's, else in any."""
    wanted = (locale, site.default_locale, *texts)
    return next((texts[each] for each in wanted if texts.get(each)), "")
