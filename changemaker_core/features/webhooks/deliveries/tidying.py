"""Tidying: deliveries are kept for a time, and those that wait are bounded."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.features.webhooks import suspension
from changemaker_core.features.webhooks.config import WebhooksConfig
from changemaker_core.features.webhooks.models import Delivery
from changemaker_core.features.webhooks.queries import backlogs, endpoints

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx

log = logging.getLogger(__name__)

#: Deliveries that may wait for an endpoint; the oldest ones beyond are deleted.
MOST_WAITING: Final = 100_000
#: Rows that one transaction deletes.
CHUNK: Final = 1_000


def tidy(run: JobRun) -> None:
    """Delete deliveries that are older than the retention, and what waits beyond the bound."""
    days = run.site.config_of(WebhooksConfig).retention_days
    while run.write(_delete_expired, timedelta(days=days)) == CHUNK:
        run.stop_if_asked()
    for backlog in run.site.db.sync.all(backlogs()):
        beyond = backlog.deliveries - MOST_WAITING
        if beyond > 0:
            log.warning(
                "%d deliveries wait for the webhook %s: the %d oldest are deleted",
                backlog.deliveries,
                backlog.endpoint_id,
                beyond,
            )
        while beyond > 0:
            run.stop_if_asked()
            beyond -= run.write(_delete_oldest, backlog.endpoint_id, min(beyond, CHUNK)) or beyond


def _delete_expired(tx: Tx, retention: timedelta) -> int:
    old = Delivery.select(Delivery.id).where(Delivery.created_at < tx.now - retention).limit(CHUNK)
    return int(Delivery.delete().where(Delivery.id.in_(old)).execute())


def _delete_oldest(tx: Tx, endpoint_id: str, count: int) -> int:
    """Delete what has waited longest for an endpoint. Nothing is sent with a gap by itself: an
    endpoint that has fallen so far behind is suspended."""
    endpoint = endpoints(id=endpoint_id).one()
    if endpoint is not None and endpoint.status == "active":
        reason = f"more than {MOST_WAITING} deliveries waited, and the oldest were deleted"
        suspension.suspend(tx, endpoint, reason)
    old = (
        Delivery.select(Delivery.id)
        .where(Delivery.endpoint == endpoint_id, Delivery.state == "waiting")
        .order_by(Delivery.position)
        .limit(count)
    )
    return int(Delivery.delete().where(Delivery.id.in_(old)).execute())
