"""A campaign's numbers over HTTP, for organisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import endpoint
from changemaker_influence.campaigns import permissions
from changemaker_influence.numbers import services
from changemaker_influence.numbers.schemas import CampaignStats, StatsQuery

if TYPE_CHECKING:
    from changemaker_core import Request, Response


class StatsResource:
    """``/api/campaigns/{id}/stats``"""

    @endpoint(permission=permissions.READ, on="id", query=StatsQuery, response=CampaignStats)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: StatsQuery
    ) -> CampaignStats:
        """Return a campaign's numbers: by day, level, riding and recipient."""
        return await services.stats_of(req.site, id, query.days)
