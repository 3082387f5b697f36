"""Webhooks over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from changemaker_core import (
    ListQuery,
    NotFound,
    Paginated,
    endpoint,
    paginate,
)
from changemaker_core.features.webhooks import queries, refusals, services
from changemaker_core.features.webhooks.schemas import (
    DeliveriesQuery,
    DeliveryOut,
    EventOut,
    NewWebhook,
    Rotation,
    SentTest,
    WebhookChange,
    WebhookOut,
    WebhookWithSecret,
)
from changemaker_core.features.webhooks.views import delivery_out, listed_events, webhook_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Request, Response, Site
    from changemaker_core.features.webhooks.deliveries.attempts import Attempts

MANAGE: Final = "webhooks.manage"


class _Resource:
    errors: ClassVar = refusals.ERRORS

    def __init__(self, site: Site, attempts: Callable[[], Attempts]) -> None:
        self._site = site
        self._attempts = attempts

    async def _find(self, id: str) -> queries.StoredEndpoint:
        return await self._site.db.get(queries.endpoints(id=id))

    async def _out(self, stored: queries.StoredEndpoint) -> WebhookOut:
        waiting = await self._site.db.all(queries.backlogs())
        return webhook_out(stored, waiting, self._site.clock())

    async def _with_secret(self, new: services.NewEndpoint) -> WebhookWithSecret:
        out = await self._out(new.endpoint)
        return WebhookWithSecret(**msgspec.structs.asdict(out), secret=new.secret)

    async def _check(self, url: str) -> None:
        await asyncio.to_thread(self._attempts().check, url)

    def _check_events(self, wanted: list[str]) -> list[str]:
        return services.check_events(wanted, [e.item.name for e in services.events_of(self._site)])


class EventsResource(_Resource):
    """``/api/webhook-events``"""

    @endpoint(permission=MANAGE, query=ListQuery, response=Paginated[EventOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[EventOut]:
        """The events that webhooks can have, and what each says."""
        translate = partial(self._site.translations.translate, locale=req.locale)
        found = listed_events(self._site, translate)
        return paginate(found[query.offset : query.offset + query.limit + 1], query, len(found))


class WebhooksResource(_Resource):
    """``/api/webhooks``"""

    @endpoint(permission=MANAGE, query=ListQuery, response=Paginated[WebhookOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[WebhookOut]:
        """The webhooks of the site, the oldest first."""
        found = await self._site.db.all(queries.endpoints())
        waiting = await self._site.db.all(queries.backlogs())
        now = self._site.clock()
        rows = found[query.offset : query.offset + query.limit + 1]
        return paginate([webhook_out(each, waiting, now) for each in rows], query, len(found))

    @endpoint(
        permission=MANAGE,
        recent_sign_in=True,
        body=NewWebhook,
        response=WebhookWithSecret,
        status=201,
        rate_limit="30/minute",
        responses={409: "The site has as many webhooks as it can have."},
    )
    async def on_post(self, req: Request, resp: Response, *, body: NewWebhook) -> WebhookWithSecret:
        """Create a webhook. Its ``secret`` is in this response and in no other."""
        events = self._check_events(body.events)
        await self._check(body.url)
        new = await self._site.db.write(
            services.create,
            services.sealer_of(self._site),
            url=body.url,
            events=events,
            description=body.description,
        )
        return await self._with_secret(new)


class WebhookResource(_Resource):
    """``/api/webhooks/{id}``"""

    @endpoint(permission=MANAGE, response=WebhookOut)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> WebhookOut:
        """A webhook."""
        return await self._out(await self._find(id))

    @endpoint(
        permission=MANAGE,
        recent_sign_in=True,
        body=WebhookChange,
        response=WebhookOut,
        rate_limit="30/minute",
    )
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, body: WebhookChange
    ) -> WebhookOut:
        """Change a webhook, turn it off, or activate it: then what waits for it is sent."""
        await self._find(id)
        fields = msgspec.structs.asdict(body).items()
        values: dict[str, Any] = {
            name: value for name, value in fields if value is not msgspec.UNSET
        }
        if "events" in values:
            values["events"] = self._check_events(values["events"])
        if "url" in values:
            await self._check(values["url"])
        return await self._out(await self._site.db.write(services.change, id, values))

    @endpoint(permission=MANAGE, status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Delete a webhook with its deliveries."""
        while await self._site.db.write(services.delete_deliveries, id):
            pass
        if not await self._site.db.write(services.delete, id):
            raise NotFound


class RotateSecretResource(_Resource):
    """``/api/webhooks/{id}/rotate-secret``"""

    @endpoint(permission=MANAGE, recent_sign_in=True, body=Rotation, response=WebhookWithSecret)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, body: Rotation
    ) -> WebhookWithSecret:
        """Replace the secret. For a time both sign, so that no delivery is refused meanwhile."""
        sealer, overlap = services.sealer_of(self._site), timedelta(hours=body.overlap_hours)
        new = await self._site.db.write(services.rotate_secret, sealer, id, overlap)
        return await self._with_secret(new)


class SendTestResource(_Resource):
    """``/api/webhooks/{id}/test``"""

    @endpoint(permission=MANAGE, response=SentTest, status=202, rate_limit="30/minute")
    async def on_post(self, req: Request, resp: Response, *, id: str) -> SentTest:
        """Send a test, which does not wait for other deliveries."""
        return SentTest(delivery_id=await self._site.db.write(services.send_test, id))


class DeliveriesResource(_Resource):
    """``/api/webhooks/{id}/deliveries``"""

    @endpoint(permission=MANAGE, query=DeliveriesQuery, response=Paginated[DeliveryOut])
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: DeliveriesQuery
    ) -> Paginated[DeliveryOut]:
        """The deliveries of a webhook, the newest first."""
        await self._find(id)
        wanted = partial(queries.deliveries, endpoint_id=id, state=query.state)
        rows = await self._site.db.all(wanted(limit=query.limit + 1, offset=query.offset))
        total = await self._site.db.count(wanted())
        return paginate(list(map(delivery_out, rows)), query, total)


class RedeliverResource(_Resource):
    """``/api/webhooks/{id}/deliveries/{delivery}/redeliver``"""

    @endpoint(
        permission=MANAGE,
        response=DeliveryOut,
        status=202,
        responses={409: "The webhook is not active, or the delivery is still waiting to be sent."},
    )
    async def on_post(self, req: Request, resp: Response, *, id: str, delivery: str) -> DeliveryOut:
        """Deliver a message again, with the same id, behind those that wait."""
        await self._site.db.write(services.redeliver, id, delivery)
        found = await self._site.db.get(queries.delivery(id=delivery, endpoint_id=id))
        return delivery_out(found)
