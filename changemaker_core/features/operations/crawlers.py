"""What programs ask of every site: robots.txt, the sitemap, and the icons at their usual paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from changemaker_core import NotFound, SitemapPage, SitemapSection, endpoint
from changemaker_core.web.sitemap import SITEMAP, file_of, index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Request, Response, Site

#: How long a sitemap is cached while nothing is written: pages open and close at a time.
CACHE_SECONDS: Final = 300
XML: Final = "application/xml; charset=utf-8"
_FILE = re.compile(r"([a-z][a-z0-9_.-]*)-([1-9][0-9]{0,4})")


class Robots:
    """``/robots.txt``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """Tell crawlers which paths they may read, and where the sitemap is."""
        resp.content_type = "text/plain; charset=utf-8"
        text = self._site.templates.render(
            "operations/robots.txt", {}, locale="en", root_path=req.root_path
        )
        return text.encode()


class SitemapIndex:
    """``/sitemap.xml``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, cache=CACHE_SECONDS)
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """List the files of the sitemap."""
        resp.content_type = XML
        return await index(self._site, sections(self._site))


class SitemapFile:
    """``/sitemaps/{slug}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, cache=CACHE_SECONDS)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> bytes:
        """List up to 5,000 pages: ``/sitemaps/petitions.all-1``."""
        match = _FILE.fullmatch(slug)
        section = next((s for s in sections(self._site) if match and s.name == match[1]), None)
        if match is None or section is None:
            raise NotFound
        body = await file_of(self._site, section, int(match[2]))
        if body is None:
            raise NotFound
        resp.content_type = XML
        return body


class Icon:
    """``/favicon.ico`` and ``/apple-touch-icon.png``, where programs look for them."""

    def __init__(self, site: Site, path: str) -> None:
        self._site = site
        self._path = path

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """Serve an icon of the site."""
        file = await self._site.static.response(
            self._path, if_none_match=req.get_header("If-None-Match")
        )
        if file is None:
            raise NotFound
        resp.status = file.status
        resp.set_headers(list(file.headers))
        return file.body


def sections(site: Site) -> list[SitemapSection]:
    """Return the sections of every plugin's pages."""
    return [c.item for c in site.loaded.contributions(SITEMAP)]


async def menu_pages(site: Site, offset: int, limit: int) -> Sequence[SitemapPage]:
    """Return the pages of the public menu."""
    paths = dict.fromkeys(each.path for each in site.navigation if each.permission is None)
    return [SitemapPage(path) for path in paths][offset : offset + limit]
