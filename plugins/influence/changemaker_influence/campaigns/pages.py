"""``/campaigns``: the list of open campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import PageMetadata, TemplateResponse, Text, endpoint
from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.languages import cards_in_language
from changemaker_influence.formatting import summary
from changemaker_influence.settings import InfluenceSettings

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site

#: The number of campaigns that the list shows; an organisation has few open at once.
MAX_CAMPAIGNS: Final = 100
METADATA: Final = PageMetadata(
    Text("Campaigns"),
    Text(
        "Pick a campaign, find the people who represent you and write to them in a few minutes. "
        "No account needed."
    ),
)


class CampaignListPage:
    """``/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, cache=queries.CACHE_SECONDS)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the campaigns that are open."""
        wanted = queries.open_campaigns(now=self._site.clock(), limit=MAX_CAMPAIGNS)
        cards = await self._site.db.all(wanted)
        cards = await cards_in_language(self._site.db, cards, req.locale)
        cards = [msgspec.structs.replace(c, description=summary(c.description)) for c in cards]
        home = self._site.home_page == "/campaigns"
        texts = self._site.settings(InfluenceSettings).introduction
        introduction = texts.get(req.locale) or texts.get(self._site.default_locale)
        context = {"campaigns": cards, "home": home, "introduction": introduction}
        return TemplateResponse("influence/campaign_list.html", context, metadata=METADATA)
