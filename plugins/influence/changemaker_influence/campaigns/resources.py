"""Campaigns over HTTP: the organiser's API and the public one."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from changemaker_core import (
    CursorQuery,
    Cursors,
    Listing,
    ListQuery,
    NotFound,
    endpoint,
    page_of,
)
from changemaker_influence.campaigns import permissions, queries, services
from changemaker_influence.campaigns.public import CACHED
from changemaker_influence.campaigns.schemas import (
    CampaignChange,
    CampaignOut,
    CampaignQuery,
    NewCampaign,
    NewRecipient,
    PublicCampaign,
    PublicCard,
    PublicRecipient,
    RecipientOut,
    Shown,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site

_shown = attrgetter(*Shown.__struct_fields__)


class CampaignsResource:
    """``/api/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db
        self._cursors = Cursors(site.config.secret_key, "influence.campaigns")

    @endpoint(permission=permissions.READ, query=CampaignQuery, response=Listing[CampaignOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: CampaignQuery
    ) -> Listing[CampaignOut]:
        """Every campaign, newest first."""
        after = self._cursors.after(query)
        wanted = queries.campaigns(
            status=query.status,
            before=after[0] if after else None,
            limit=query.limit + 1,
            offset=query.offset,
        )
        rows = await self._db.all(wanted)
        total = await self._db.count(queries.campaigns(status=query.status))
        return page_of(rows, query, total, cursor=lambda last: self._cursors.write(last.id))

    @endpoint(permission=permissions.WRITE, body=NewCampaign, response=CampaignOut, status=201)
    async def on_post(self, req: Request, resp: Response, *, body: NewCampaign) -> CampaignOut:
        """Make a campaign; it begins as a draft."""
        made = await self._db.write(services.create, body)
        resp.set_header("Location", f"{req.root_path}/api/campaigns/{made.id}")
        return made


class CampaignResource:
    """``/api/campaigns/{id}``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission=permissions.READ, response=CampaignOut)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> CampaignOut:
        """One campaign."""
        return await self._db.read(services.find, id)

    @endpoint(permission=permissions.WRITE, body=CampaignChange, response=CampaignOut)
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, body: CampaignChange
    ) -> CampaignOut:
        """Change a campaign. ``{"status": "ACTIVE"}`` publishes it."""
        return await self._db.write(services.change, id, body)

    @endpoint(permission=permissions.DELETE, status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Remove a campaign in which nobody has written yet."""
        await self._db.write(services.delete, id)


class RecipientsResource:
    """``/api/campaigns/{id}/recipients``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission=permissions.READ, query=ListQuery, response=Listing[RecipientOut])
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: ListQuery
    ) -> Listing[RecipientOut]:
        """Those whom a campaign adds to the representatives, by name."""
        await self._db.read(services.find, id)
        wanted = queries.custom_recipients(
            campaign_id=id, limit=query.limit + 1, offset=query.offset
        )
        return page_of(await self._db.all(wanted), query, await self._db.count(wanted))

    @endpoint(permission=permissions.WRITE, body=NewRecipient, response=RecipientOut, status=201)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, body: NewRecipient
    ) -> RecipientOut:
        """Add somebody whom the campaign may be sent to."""
        return await self._db.write(services.add_recipient, id, body)


class PublicCampaignsResource:
    """``/api/public/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cursors = Cursors(site.config.secret_key, "influence.public_campaigns")

    @endpoint(public=True, query=CursorQuery, response=Listing[PublicCard], cache=CACHED)
    async def on_get(
        self, req: Request, resp: Response, *, query: CursorQuery
    ) -> Listing[PublicCard]:
        """Campaigns that take messages, the latest first."""
        now = self._site.clock()
        before, before_id = self._cursors.after(query) or (None, None)
        wanted = queries.open_campaigns(
            now=now,
            before=datetime.fromisoformat(before) if before else None,
            before_id=before_id,
            limit=query.limit + 1,
            offset=query.offset,
        )
        rows = await self._site.db.all(wanted)
        total = await self._site.db.count(queries.open_campaigns(now=now))
        return page_of(rows, query, total, cursor=self._cursor)

    def _cursor(self, last: PublicCard) -> str:
        return self._cursors.write(last.published_at.isoformat(), last.id)


class PublicCampaignResource:
    """``/api/public/campaigns/{slug}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, response=PublicCampaign, cache=CACHED)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> PublicCampaign:
        """One campaign, as everybody may see it."""
        view = await self._site.db.one(queries.view_by_slug(slug=slug))
        if view is None:
            raise NotFound
        return _public(view, await self._recipients(view), self._site.clock())

    async def _recipients(self, view: queries.CampaignView) -> list[RecipientOut]:
        if not view.allow_custom_recipients:
            return []
        return await self._site.db.all(queries.custom_recipients(campaign_id=view.id))


def _public(
    view: queries.CampaignView, recipients: list[RecipientOut], now: datetime
) -> PublicCampaign:
    return PublicCampaign(
        *_shown(view),
        email_count=view.email_count,
        is_open=view.is_open(now),
        custom_recipients=[
            PublicRecipient(key=each.id, name=each.name, title=each.title) for each in recipients
        ],
    )
