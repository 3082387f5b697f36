"""The organisers' API."""

from __future__ import annotations

from changemaker_core import ListQuery, Paginated, Request, Response, endpoint, paginate
from changemaker_pledges import permissions, queries, services
from changemaker_pledges.schemas import NewPledge, PledgeOut


class PledgesResource:
    """``/api/pledges``"""

    @endpoint(permission=permissions.READ, query=ListQuery, response=Paginated[PledgeOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[PledgeOut]:
        """List the pledges, latest first."""
        wanted = queries.pledges(limit=query.limit + 1, offset=query.offset)
        db = req.site.db
        return paginate(await db.all(wanted), query, await db.count(wanted))

    @endpoint(permission=permissions.WRITE, body=NewPledge, response=PledgeOut, status=201)
    async def on_post(self, req: Request, resp: Response, *, body: NewPledge) -> PledgeOut:
        """Add a pledge made on paper."""
        return await req.site.db.write(services.pledge, body, req.locale)
