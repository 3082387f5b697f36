"""The page where people pledge."""

from __future__ import annotations

import msgspec

from changemaker_core import Form, Redirect, Request, Response, TemplateResponse, endpoint
from changemaker_pledges import queries, services
from changemaker_pledges.config import PledgesConfig
from changemaker_pledges.schemas import NewPledge


class PageQuery(msgspec.Struct, frozen=True):
    """``?pledged=true`` shows the thanks instead of the form."""

    pledged: bool = False


class PledgesPage:
    """``/pledges``"""

    @endpoint(public=True, query=PageQuery, cache=60)
    async def on_get(self, req: Request, resp: Response, *, query: PageQuery) -> TemplateResponse:
        """Show how many people will come, and a form to join them."""
        return await self._page(req, pledged=query.pledged)

    @endpoint(public=True, form=NewPledge)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NewPledge]
    ) -> TemplateResponse | Redirect:
        """Add a pledge. A second one from the same address gets the same response as the first."""
        if form.value is None:
            return await self._page(req, form)
        await req.site.db.write(services.pledge, form.value, req.locale, req.visitor)
        return Redirect("/pledges?pledged=true")

    async def _page(
        self, req: Request, form: Form[NewPledge] | None = None, *, pledged: bool = False
    ) -> TemplateResponse:
        context = {
            "promise": req.site.config_of(PledgesConfig).promise,
            "count": await req.site.db.count(queries.pledges()),
            "pledged": pledged,
            "form": form,
        }
        return TemplateResponse("pledges/pledges.html", context)
