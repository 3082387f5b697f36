"""The sitemap: public pages that plugins list, for search engines (https://www.sitemaps.org)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from changemaker_core.plugin.contributions import Kind, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from changemaker_core.site import Site

#: Pages in one file. The protocol allows 50,000; a file of these is built in milliseconds.
PAGES_PER_FILE: Final = 5_000
#: Files that an index may list.
MAX_FILES: Final = 50_000

_BEGIN = '<?xml version="1.0" encoding="UTF-8"?>\n<{0} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'


@dataclass(frozen=True, slots=True)
class SitemapPage:
    """A public page: its path, and when its content changed last."""

    path: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class SitemapSection:
    """The public pages of one kind: ``SitemapSection("petitions.all", pages, count)``.

    ``await pages(site, offset, limit)`` returns at most ``limit`` pages from ``offset`` on, always
    in the same order: the oldest first, so that a new page moves no other.
    ``await count(site)`` returns how many there are; without it there are at most 5,000.
    The name begins with the plugin's.
    """

    name: str
    pages: Callable[[Site, int, int], Awaitable[Sequence[SitemapPage]]]
    count: Callable[[Site], Awaitable[int]] | None = None

    async def files(self, site: Site) -> int:
        """Return the number of files that the pages fill."""
        if self.count is None:
            return 1
        return min(-(-await self.count(site) // PAGES_PER_FILE), MAX_FILES)


SITEMAP: Kind[SitemapSection] = Kind(
    "cm_register_sitemap",
    SitemapSection,
    named("sitemap section", "."),
    calls=("await pages(site, offset, limit)", "await count(site)"),
)


async def index(site: Site, sections: Iterable[SitemapSection]) -> bytes:
    """Return the index: the address of each file of each section."""
    addresses = [
        site.url(f"/sitemaps/{section.name}-{number}")
        for section in sections
        for number in range(1, await section.files(site) + 1)
    ]
    entries = [f"<sitemap><loc>{escape(address)}</loc></sitemap>" for address in addresses]
    return _document("sitemapindex", entries[:MAX_FILES])


async def file_of(site: Site, section: SitemapSection, number: int) -> bytes | None:
    """Return one file of a section, counted from 1; ``None`` where there are no such pages."""
    pages = await section.pages(site, (number - 1) * PAGES_PER_FILE, PAGES_PER_FILE)
    if not pages and number > 1:
        return None
    return _document("urlset", [_entry(site, page) for page in pages[:PAGES_PER_FILE]])


def _entry(site: Site, page: SitemapPage) -> str:
    modified = ""
    if page.modified is not None:
        modified = f"<lastmod>{page.modified.isoformat(timespec='seconds')}</lastmod>"
    return f"<url><loc>{escape(site.url(page.path))}</loc>{modified}</url>"


def _document(root: str, entries: Sequence[str]) -> bytes:
    return "\n".join([_BEGIN.format(root), *entries, f"</{root}>\n"]).encode()
