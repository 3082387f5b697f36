"""The lists of ``/admin/webhooks``: all webhooks, and the log of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.api import Badge, BulkAction, Choice, Column, Empty, Link, ListScreen
from changemaker_admin.webhooks.managing import WEBHOOKS_PATH, find_webhook, problem_of
from changemaker_core import Text
from changemaker_core.features.webhooks import api as webhooks

if TYPE_CHECKING:
    from changemaker_core import Request, Tx

_NEW: Final = Link(Text("Add a webhook"), f"{WEBHOOKS_PATH}/new", webhooks.MANAGE)
STATUSES: Final = {
    "active": Badge(Text("Active"), "ok"),
    "off": Badge(Text("Off"), "neutral"),
    "suspended": Badge(Text("Suspended"), "danger"),
    "gone": Badge(Text("Ended by the receiver"), "danger"),
}
STATES: Final = {
    "waiting": Badge(Text("Waiting"), "neutral"),
    "delivered": Badge(Text("Delivered"), "ok"),
    "failed": Badge(Text("Failed"), "danger"),
}


def _words(badges: dict[str, Badge]) -> dict[str, str]:
    return {value: badge.text for value, badge in badges.items()}


def _name(webhook: webhooks.StoredEndpoint) -> str:
    return webhook.description or webhooks.server_of(webhook.url)


def _server(webhook: webhooks.StoredEndpoint) -> str:
    return webhooks.server_of(webhook.url)


def _events(webhook: webhooks.StoredEndpoint) -> str:
    return ", ".join(webhook.events)


def _redeliver(tx: Tx, id: str) -> None:
    try:
        webhooks.redeliver_one(tx, id)
    except webhooks.WebhookRefused as refused:
        raise problem_of(refused) from None


async def _log_of(req: Request, *, id: str) -> dict[str, Any]:
    webhook = await find_webhook(req.site, id)
    labels = {each.item.name: each.item.label for each in webhooks.events_of(req.site)}
    return {"webhook": webhook, "labels": labels}


WEBHOOKS: Final = ListScreen(
    path=WEBHOOKS_PATH,
    title=Text("Webhooks"),
    permission=webhooks.MANAGE,
    group="system",
    icon="webhook",
    order=720,
    query=webhooks.listed_endpoints,
    columns=[
        Column("name", Text("What receives it"), link=f"{WEBHOOKS_PATH}/{{id}}", value=_name),
        Column("server", Text("Server"), value=_server),
        Column("events", Text("Events"), value=_events),
        Column("status", Text("State"), "status", badges=STATUSES),
        Column("failing_since", Text("Failing since"), "datetime"),
    ],
    filters=[Choice("status", Text("State"), _words(STATUSES))],
    links=[_NEW],
    empty=Empty(
        Text("No webhooks yet"),
        Text("Have another program, such as your CRM or a chat, notified of what happens here."),
        _NEW,
    ),
    macros="admin/webhooks/cells.html",
)

DELIVERIES: Final = ListScreen(
    path=f"{WEBHOOKS_PATH}/{{id}}/deliveries",
    title=Text("Deliveries"),
    permission=webhooks.MANAGE,
    query=webhooks.listed_deliveries,
    columns=[
        Column("event", Text("Event")),
        Column("state", Text("State"), "status", badges=STATES),
        Column("created_at", Text("Happened"), "datetime"),
        Column("attempts", Text("Attempts"), "number"),
        Column("outcome", Text("Response"), value=lambda row: row.status_code or row.error),
    ],
    filters=[Choice("state", Text("State"), _words(STATES))],
    empty=Empty(Text("Nothing was sent yet"), Text("Send a test to see that the receiver works.")),
    actions=[
        BulkAction(
            name="redeliver",
            label=Text("Deliver again"),
            permission=webhooks.MANAGE,
            text=Text(
                "These messages are delivered once more, behind those that wait. They have the "
                "same ids as before: a receiver that has done its work already does nothing."
            ),
            run=_redeliver,
        ),
    ],
    macros="admin/webhooks/log_cells.html",
    template="admin/webhooks/log.html",
    context=_log_of,
)
