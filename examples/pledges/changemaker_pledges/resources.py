"""The organisers' API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import ListQuery, Paginated, endpoint, paginate
from changemaker_pledges import permissions, queries, services
from changemaker_pledges.schemas import NewPledge, PledgeOut

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


class PledgesResource:
    """``/api/pledges``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission=permissions.READ, query=ListQuery, response=Paginated[PledgeOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[PledgeOut]:
        """List the pledges, latest first."""
        wanted = queries.pledges(limit=query.limit + 1, offset=query.offset)
        return paginate(await self._db.all(wanted), query, await self._db.count(wanted))

    @endpoint(permission=permissions.WRITE, body=NewPledge, response=PledgeOut, status=201)
    async def on_post(self, req: Request, resp: Response, *, body: NewPledge) -> PledgeOut:
        """Add a pledge made on paper."""
        return await self._db.write(services.pledge, body, req.locale)
