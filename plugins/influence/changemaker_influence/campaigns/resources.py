"""Campaigns over HTTP: the organiser's API and the public one."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import (
    Cursors,
    ListQuery,
    NotFound,
    Paginated,
    endpoint,
    paginate,
)
from changemaker_influence.campaigns import copies, own_recipients, permissions, queries, services
from changemaker_influence.campaigns.languages import (
    cards_in_language,
    in_language,
    languages_of,
)
from changemaker_influence.campaigns.own_recipients import Imported
from changemaker_influence.campaigns.schemas import (
    CampaignCard,
    CampaignChange,
    CampaignFields,
    CampaignOut,
    CampaignQuery,
    Duplicate,
    NewCampaign,
    NewRecipient,
    NewRecipients,
    PublicCampaign,
    PublicCampaignsQuery,
    PublicRecipient,
    RecipientChange,
    RecipientOut,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_influence.campaigns.queries import PublishedCampaign

#: A photograph as a good telephone takes it.
MAX_PHOTO_BYTES: Final = 20_000_000

_public_fields = attrgetter(*CampaignFields.__struct_fields__)


class CampaignsResource:
    """``/api/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db
        self._cursors = Cursors(site.signer("influence.campaigns"))

    @endpoint(
        permission=permissions.READ,
        on="*",
        query=CampaignQuery,
        response=Paginated[CampaignOut],
    )
    async def on_get(
        self,
        req: Request,
        resp: Response,
        *,
        query: CampaignQuery,
        objects: list[str] | None,
    ) -> Paginated[CampaignOut]:
        """List the campaigns that the organiser may see, newest first."""
        after = self._cursors.after(query)
        filters: dict[str, Any] = {
            "ids": objects,
            "status": query.status,
            "text": query.search,
        }
        wanted = queries.campaigns(
            **filters,
            before=after[0] if after else None,
            limit=query.limit + 1,
            offset=query.offset,
        )
        rows = await self._db.all(wanted)
        total = await self._db.count(queries.campaigns(**filters))
        return paginate(rows, query, total, cursor=lambda last: self._cursors.write(last.id))

    @endpoint(permission=permissions.WRITE, body=NewCampaign, response=CampaignOut, status=201)
    async def on_post(self, req: Request, resp: Response, *, body: NewCampaign) -> CampaignOut:
        """Create a campaign as a draft."""
        created = await self._db.write(services.create, body)
        resp.set_header("Location", f"{req.root_path}/api/campaigns/{created.id}")
        return created


class CampaignResource:
    """``/api/campaigns/{id}``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission=permissions.READ, on="id", response=CampaignOut)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> CampaignOut:
        """Return a campaign."""
        return await self._db.read(services.find, id)

    @endpoint(permission=permissions.WRITE, on="id", body=CampaignChange, response=CampaignOut)
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, body: CampaignChange
    ) -> CampaignOut:
        """Change a campaign. ``{"status": "ACTIVE"}`` publishes it."""
        return await self._db.write(services.change, id, body)

    @endpoint(permission=permissions.DELETE, on="id", status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Delete a campaign in which no message was sent."""
        await self._db.write(services.delete, id)


class DuplicateResource:
    """``/api/campaigns/{id}/duplicate``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(
        permission=permissions.WRITE,
        on="id",
        body=Duplicate,
        response=CampaignOut,
        status=201,
        responses={403: "You may change this campaign, and create none."},
    )
    async def on_post(
        self, req: Request, resp: Response, *, id: str, body: Duplicate
    ) -> CampaignOut:
        """Create a draft that is like this campaign, for organisers of all campaigns."""
        permissions.check_can_create(req)
        made = await self._db.write(copies.duplicate, id, body)
        resp.set_header("Location", f"{req.root_path}/api/campaigns/{made.id}")
        return made


class _BodyOf:
    """The body of a request, which is read once there is room for another image: else as many as
    are sent at once would be in memory."""

    def __init__(self, req: Request) -> None:
        self._req = req

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self._req.chunks()])


class CoverPhotoResource:
    """``/api/campaigns/{id}/cover-photo``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(
        permission=permissions.WRITE,
        on="id",
        streams="image/*",
        max_body=MAX_PHOTO_BYTES,
        response=CampaignOut,
    )
    async def on_put(self, req: Request, resp: Response, *, id: str) -> CampaignOut:
        """Replace a campaign's cover photo. The body is a JPEG, PNG, WebP or GIF picture."""
        await self._site.db.read(services.find, id)
        path = await self._site.images.add("influence", _BodyOf(req))
        return await self._site.db.write(services.change, id, CampaignChange(cover_photo=path))

    @endpoint(permission=permissions.WRITE, on="id", response=CampaignOut)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> CampaignOut:
        """Remove a campaign's cover photo."""
        return await self._site.db.write(services.change, id, CampaignChange(cover_photo=""))


class RecipientsResource:
    """``/api/campaigns/{id}/recipients``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(
        permission=permissions.READ, on="id", query=ListQuery, response=Paginated[RecipientOut]
    )
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: ListQuery
    ) -> Paginated[RecipientOut]:
        """List a campaign's own recipients, by name."""
        await self._db.read(services.find, id)
        wanted = queries.custom_recipients(
            campaign_id=id, limit=query.limit + 1, offset=query.offset
        )
        return paginate(await self._db.all(wanted), query, await self._db.count(wanted))

    @endpoint(
        permission=permissions.WRITE, on="id", body=NewRecipient, response=RecipientOut, status=201
    )
    async def on_post(
        self, req: Request, resp: Response, *, id: str, body: NewRecipient
    ) -> RecipientOut:
        """Add a recipient to a campaign."""
        return await self._db.write(own_recipients.add_recipient, id, body)


class RecipientImportResource:
    """``/api/campaigns/{id}/recipients/import``"""

    @endpoint(permission=permissions.WRITE, on="id", body=NewRecipients, response=Imported)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, body: NewRecipients
    ) -> Imported:
        """Add several recipients, or none where one of them has an error.

        An address that the campaign has already stays as it is.
        """
        return await req.site.db.write(own_recipients.add_recipients, id, body.recipients)


class RecipientResource:
    """``/api/campaigns/{id}/recipients/{recipient_id}``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission=permissions.WRITE, on="id", body=RecipientChange, response=RecipientOut)
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, recipient_id: str, body: RecipientChange
    ) -> RecipientOut:
        """Change a recipient. Messages that wait go to the address that they were written to."""
        return await self._db.write(own_recipients.change_recipient, id, recipient_id, body)

    @endpoint(permission=permissions.WRITE, on="id", status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str, recipient_id: str) -> None:
        """Remove a recipient from a campaign. Messages to them stay, and are sent."""
        await self._db.write(own_recipients.remove_recipient, id, recipient_id)


class PublicCampaignsResource:
    """``/api/public/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cursors = Cursors(site.signer("influence.public_campaigns"))

    @endpoint(
        public=True,
        query=PublicCampaignsQuery,
        response=Paginated[CampaignCard],
        cache=queries.CACHE_SECONDS,
    )
    async def on_get(
        self, req: Request, resp: Response, *, query: PublicCampaignsQuery
    ) -> Paginated[CampaignCard]:
        """List the campaigns that accept messages, latest first."""
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
        rows = await cards_in_language(self._site.db, rows, query.language)
        total = await self._site.db.count(queries.open_campaigns(now=now))
        return paginate(rows, query, total, cursor=self._cursor)

    def _cursor(self, last: CampaignCard) -> str:
        return self._cursors.write(last.published_at.isoformat(), last.id)


class PublicCampaignResource:
    """``/api/public/campaigns/{slug}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, response=PublicCampaign, cache=queries.CACHE_SECONDS)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> PublicCampaign:
        """Return a published campaign in its own language, also by a slug that it had before."""
        return await _public(self._site, await _published(self._site, slug))


class PublicTranslationResource:
    """``/api/public/campaigns/{slug}/translations/{language}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, response=PublicCampaign, cache=queries.CACHE_SECONDS)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str
    ) -> PublicCampaign:
        """Return a published campaign in one of its languages, which ``translated_into`` has."""
        campaign = await _published(self._site, slug)
        if language not in languages_of(campaign):
            raise NotFound
        return await _public(self._site, await in_language(self._site.db, campaign, language))


async def _published(site: Site, slug: str) -> PublishedCampaign:
    campaign = await site.db.one(queries.published_by_slug(slug=slug))
    if campaign is None:
        campaign = await site.db.get(queries.published_by_former_slug(slug=slug))
    return campaign


async def _public(site: Site, campaign: PublishedCampaign) -> PublicCampaign:
    """Return what everybody may know of a campaign."""
    if campaign.goal is not None:
        campaign = msgspec.structs.replace(campaign, goal=campaign.goal_now)
    recipients: list[RecipientOut] = []
    if campaign.allow_custom_recipients:
        wanted = queries.custom_recipients(campaign_id=campaign.id)
        recipients = await site.db.all(wanted)
    return PublicCampaign(
        *_public_fields(campaign),
        email_count=campaign.email_count,
        is_open=campaign.is_open(site.clock()),
        custom_recipients=[
            PublicRecipient(key=each.id, name=each.name, title=each.title) for each in recipients
        ],
    )
