"""``/admin/webhooks/{id}``: how a webhook is, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from changemaker_admin.team.managing import NoFields
from changemaker_admin.webhooks.managing import (
    WEBHOOKS_PATH,
    find_webhook,
    path_of,
    problem_of,
)
from changemaker_core import (
    Form,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.webhooks import api as webhooks

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx

#: Deliveries that the page shows.
_LATEST: Final = 5
OVERLAPS: Final = {
    "24": Text("For 24 hours both secrets sign, so that no delivery is refused meanwhile"),
    "0": Text("At once: the former secret has leaked"),
}


class WebhookPage:
    """``/admin/webhooks/{id}``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """How a webhook is."""
        site = req.site
        webhook = await find_webhook(site, id)
        labels = {each.item.name: each.item.label for each in webhooks.events_of(site)}
        context = {
            "webhook": webhook,
            "server": webhooks.server_of(webhook.url),
            "labels": labels,
            "deliveries": await site.db.all(webhooks.deliveries(endpoint_id=id, limit=_LATEST)),
            "failed": await site.db.count(webhooks.failed_deliveries(endpoint_id=id)),
        }
        return TemplateResponse("admin/webhooks/webhook.html", context)


class StateForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a webhook is sent."""

    status: Literal["active", "off"]


class StatePage:
    """``/admin/webhooks/{id}/state``"""

    @endpoint(permission=webhooks.MANAGE, recent_sign_in=True, form=StateForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[StateForm]
    ) -> Redirect:
        """Turn a webhook on or off."""
        wanted = form.value
        if wanted is not None:
            done = {
                "active": Text("The webhook is active. What waits for it is sent now, in order."),
                "off": Text("The webhook is off. Nothing is sent, or kept for it."),
            }

            def change(tx: Tx) -> None:
                webhooks.change(tx, id, {"status": wanted.status})
                flash(tx, req, done[wanted.status])

            await req.site.db.write(change)
        return Redirect(path_of(id))


class SendTestPage:
    """``/admin/webhooks/{id}/test``"""

    @endpoint(permission=webhooks.MANAGE, form=NoFields, rate_limit="30/minute")
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Send a test, and show what becomes of it."""
        delivery = await req.site.db.write(webhooks.send_test, id)
        return Redirect(f"{path_of(id)}/deliveries/{delivery}")


class RotationForm(msgspec.Struct, frozen=True, kw_only=True):
    """For how many hours the former secret signs as well."""

    overlap: Annotated[str, Meta(pattern=r"^(0|24)$")] = "24"


class RotatePage:
    """``/admin/webhooks/{id}/rotate-secret``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Say what happens with the former secret."""
        return await self._page(req, id, Form.blank(overlap="24"), 200)

    @endpoint(permission=webhooks.MANAGE, recent_sign_in=True, form=RotationForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[RotationForm]
    ) -> TemplateResponse:
        """Replace the secret, and show the new one this once."""
        if form.value is None:
            return await self._page(req, id, form, 422)
        sealer, overlap = webhooks.sealer_of(req.site), timedelta(hours=int(form.value.overlap))
        new = await req.site.db.write(webhooks.rotate_secret, sealer, id, overlap)
        context = {"webhook": new.endpoint, "secret": new.secret, "is_new": False}
        return TemplateResponse("admin/webhooks/secret.html", context)

    async def _page(
        self, req: Request, id: str, form: Form[RotationForm], status: int
    ) -> TemplateResponse:
        context = {
            "webhook": await find_webhook(req.site, id),
            "form": form,
            "overlaps": OVERLAPS,
        }
        return TemplateResponse("admin/webhooks/rotate.html", context, status=status)


class DeletePage:
    """``/admin/webhooks/{id}/delete``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Say what will happen."""
        context = {"webhook": await find_webhook(req.site, id)}
        return TemplateResponse("admin/webhooks/delete.html", context)

    @endpoint(permission=webhooks.MANAGE, recent_sign_in=True, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Delete a webhook with its deliveries, in batches that let other writers in between."""
        db = req.site.db
        while await db.write(webhooks.delete_deliveries, id):
            pass

        def delete(tx: Tx) -> bool:
            flash(tx, req, Text("The webhook is deleted."))
            return webhooks.delete(tx, id)

        if not await db.write(delete):
            raise NotFound(Text("This webhook is deleted already."))
        return Redirect(WEBHOOKS_PATH)


class DeliveryPage:
    """``/admin/webhooks/{id}/deliveries/{delivery}``"""

    @endpoint(permission=webhooks.MANAGE)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, delivery: str
    ) -> TemplateResponse:
        """What was sent, and what came back."""
        found = await req.site.db.get(webhooks.delivery(id=delivery, endpoint_id=id))
        labels = {each.item.name: each.item.label for each in webhooks.events_of(req.site)}
        context: dict[str, Any] = {
            "webhook": await find_webhook(req.site, id),
            "delivery": found,
            "label": labels.get(found.event, found.event),
            "body": _pretty(found.body),
        }
        return TemplateResponse("admin/webhooks/delivery.html", context)


class RedeliverPage:
    """``/admin/webhooks/{id}/deliveries/{delivery}/redeliver``"""

    @endpoint(permission=webhooks.MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, delivery: str, form: Form[NoFields]
    ) -> Redirect:
        """Deliver a message again."""

        def redeliver(tx: Tx) -> None:
            webhooks.redeliver(tx, id, delivery)
            flash(tx, req, Text("It is delivered again, behind those that wait."))

        try:
            await req.site.db.write(redeliver)
        except webhooks.WebhookRefused as refused:
            raise problem_of(refused) from None
        return Redirect(f"{path_of(id)}/deliveries/{delivery}")


class RedeliverFailedPage:
    """``/admin/webhooks/{id}/redeliver-failed``"""

    @endpoint(permission=webhooks.MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Deliver again all that has failed, in order."""

        def redeliver(tx: Tx) -> None:
            count = webhooks.redeliver_failed(tx, id)
            flash(tx, req, Text("Delivered again, behind those that wait: {count}.", count=count))

        try:
            await req.site.db.write(redeliver)
        except webhooks.WebhookRefused as refused:
            raise problem_of(refused) from None
        return Redirect(path_of(id))


def _pretty(body: str) -> str:
    """Return a body as people read it; what is sent has no line ends."""
    return msgspec.json.format(body, indent=2)
