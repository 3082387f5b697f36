"""``/api/openapi.json`` and ``/api/docs``, for everybody or for those who have signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import (
    PageMetadata,
    Redirect,
    Route,
    TemplateResponse,
    Text,
    Unauthorized,
    endpoint,
)
from changemaker_core.features.operations.openapi.reading import groups_of, types_of
from changemaker_core.http.openapi import describe

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site

DOCUMENT: Final = "/api/openapi.json"
PAGE: Final = "/api/docs"
_TITLE = Text("API reference")


def routes(site: Site) -> list[Route]:
    """Return the routes that ``api_docs`` allows."""
    description = Description(site)
    if site.config.api_docs == "off":
        return []
    if site.config.api_docs == "signed-in":
        return [
            Route(DOCUMENT, SignedInDocument(description)),
            Route(PAGE, SignedInPage(description)),
        ]
    return [Route(DOCUMENT, Document(description)), Route(PAGE, Page(description))]


class Description:
    """The description of a site's API, made when it is first asked for: at boot, the routes of
    other plugins are not known yet."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._of = ""
        self._encoded = b""
        self._context: dict[str, Any] = {}

    def encoded(self) -> bytes:
        """Return the document as JSON."""
        self._make()
        return self._encoded

    def page(self, req: Request) -> TemplateResponse:
        """Return the page."""
        self._make()
        title = self._site.translations.translate(_TITLE, req.locale)
        metadata = PageMetadata(title, indexed=False)
        return TemplateResponse("operations/api.html", self._context, metadata=metadata)

    def _make(self) -> None:
        if self._of == (organisation := self._site.organisation):
            return
        document = describe(self._site)
        self._encoded = msgspec.json.encode(document)
        self._context = {
            "groups": groups_of(document),
            "types": types_of(document),
            "document": DOCUMENT,
        }
        self._of = organisation


class Document:
    """``/api/openapi.json``"""

    def __init__(self, description: Description) -> None:
        self._description = description

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """This API, as OpenAPI 3.1."""
        resp.content_type = "application/json"
        return self._description.encoded()


class Page:
    """``/api/docs``"""

    def __init__(self, description: Description) -> None:
        self._description = description

    @endpoint(public=True, cache=300, produces="text/html")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """This API, as a page for people."""
        return self._description.page(req)


class SignedInDocument:
    """``/api/openapi.json`` for those who have signed in."""

    def __init__(self, description: Description) -> None:
        self._description = description

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """This API, as OpenAPI 3.1. Only for those who have signed in, and for API keys."""
        if req.actor is None:
            raise Unauthorized
        resp.content_type = "application/json"
        return self._description.encoded()


class SignedInPage:
    """``/api/docs`` for those who have signed in."""

    def __init__(self, description: Description) -> None:
        self._description = description

    @endpoint(public=True, produces="text/html")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse | Redirect:
        """This API, as a page for people who have signed in."""
        if req.actor is not None:
            return self._description.page(req)
        if (sign_in := req.site.authentication.sign_in_address(PAGE)) is None:
            raise Unauthorized
        return Redirect(sign_in, status=303)
