"""The pages of open campaigns, for search engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import SitemapPage
from changemaker_influence.campaigns.queries import open_pages

if TYPE_CHECKING:
    from changemaker_core import Site


async def pages(site: Site, offset: int, limit: int) -> list[SitemapPage]:
    """Return the pages of campaigns that are open, the oldest first."""
    rows = await site.db.all(open_pages(now=site.clock(), offset=offset, limit=limit))
    return [SitemapPage(f"/campaigns/{row.slug}", row.updated_at) for row in rows]


async def count(site: Site) -> int:
    """Return the number of open campaigns."""
    return await site.db.count(open_pages(now=site.clock()), limit=1_000_000)
