"""The page where people pledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_core import Form, Redirect, TemplateResponse, endpoint
from changemaker_pledges import queries, services
from changemaker_pledges.config import PledgesConfig
from changemaker_pledges.schemas import NewPledge

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


class PageQuery(msgspec.Struct, frozen=True):
    """``?pledged=true`` shows the thanks instead of the form."""

    pledged: bool = False


class PledgesPage:
    """``/pledges``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db
        self._promise = site.config_of(PledgesConfig).promise

    @endpoint(public=True, query=PageQuery, cache=60)
    async def on_get(self, req: Request, resp: Response, *, query: PageQuery) -> TemplateResponse:
        """Show how many people will come, and a form to join them."""
        return await self._page(pledged=query.pledged)

    @endpoint(public=True, form=NewPledge)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NewPledge]
    ) -> TemplateResponse | Redirect:
        """Add a pledge. A second one from the same address gets the same response as the first."""
        if form.value is None:
            return await self._page(form, status=422)
        await self._db.write(services.pledge, form.value, req.locale, req.visitor)
        return Redirect("/pledges?pledged=true")

    async def _page(
        self, form: Form[NewPledge] | None = None, *, pledged: bool = False, status: int = 200
    ) -> TemplateResponse:
        context = {
            "promise": self._promise,
            "count": await self._db.count(queries.pledges()),
            "pledged": pledged,
            "form": form,
        }
        return TemplateResponse("pledges/pledges.html", context, status=status)
