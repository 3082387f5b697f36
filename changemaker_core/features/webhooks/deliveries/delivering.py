"""The jobs that deliver: one for each endpoint, which sends what waits for it in order.

An endpoint that fails holds up its own deliveries and nothing else: its job ends, and the next one
is due later. So a receiver that comes back gets everything, the oldest first.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Job
from changemaker_core.features.webhooks import suspension
from changemaker_core.features.webhooks.config import WebhooksConfig
from changemaker_core.features.webhooks.deliveries.recording import DELIVER, DELIVER_ONE, enqueue
from changemaker_core.features.webhooks.models import Delivery, Endpoint
from changemaker_core.features.webhooks.queries import (
    delivery_to_send,
    endpoints,
    next_waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import JobRun, Site, Tx
    from changemaker_core.features.webhooks.deliveries.attempts import Attempts, Outcome
    from changemaker_core.features.webhooks.queries import Waiting

log = logging.getLogger(__name__)

QUEUE: Final = "webhooks"
#: The time until the next attempt doubles from the first to the last of these.
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
#: As long a receiver can ask for.
LONGEST_RETRY_AFTER: Final = timedelta(days=1)
#: What a job sends until it lets other endpoints go first.
BATCH: Final = 50
BATCH_SECONDS: Final = 10.0
#: A message that the receiver refuses for its content is left out after so many attempts, which
#: take about an hour: what is refused for an hour only is not lost.
ATTEMPTS_OF_REFUSED: Final = 18


class Deliveries:
    """The jobs, and the connections that they share."""

    def __init__(self, site: Site, attempts: Callable[[], Attempts]) -> None:
        self._config = site.config_of(WebhooksConfig)
        self._attempts = attempts

    def jobs(self) -> list[Job]:
        """Return the jobs. After a restore they wait for an operator: a copy of a site must not
        notify the programs that the site notifies."""
        held = timedelta(days=7)
        return [
            Job(DELIVER, self.deliver, queue=QUEUE, on_dead=_on_dead, hold_after=held),
            Job(
                DELIVER_ONE,
                self.deliver_one,
                queue=QUEUE,
                on_dead=_on_dead_test,
                hold_after=held,
            ),
        ]

    def deliver(self, run: JobRun, endpoint_id: str) -> None:
        """Send what waits for an endpoint, in order, until something fails."""
        until = time.monotonic() + BATCH_SECONDS
        for _ in range(BATCH):
            run.stop_if_asked()
            waiting = run.site.db.sync.one(next_waiting(endpoint_id=endpoint_id))
            if waiting is None or waiting.status != "active":
                return
            if waiting.not_before is not None and waiting.not_before > run.site.clock():
                # An event that was recorded during the last attempt has enqueued this job at once.
                run.write(enqueue, endpoint_id, waiting.not_before)
                return
            if time.monotonic() > until:
                break
            outcome = self._attempts().send(waiting)
            if outcome.kind != "delivered":
                run.write(self._failed, waiting, outcome)
                return
            run.write(_delivered, waiting, outcome)
        run.write(enqueue, endpoint_id)

    def deliver_one(self, run: JobRun, delivery_id: str) -> None:
        """Send a test."""
        waiting = run.site.db.sync.one(delivery_to_send(id=delivery_id))
        if waiting is None:
            return
        outcome = self._attempts().send(waiting)
        run.write(note_test, waiting, outcome)

    def _failed(self, tx: Tx, waiting: Waiting, outcome: Outcome) -> None:
        """Store an attempt that failed, and decide what is next: a pause, or an end."""
        attempts = waiting.attempts + 1
        left_out = outcome.kind == "refused" and attempts >= ATTEMPTS_OF_REFUSED
        _note_attempt(tx, waiting, outcome, ends=left_out)
        if not _count_failure(tx, waiting):
            # It was deleted meanwhile, or has another URL, of which this outcome says nothing.
            enqueue(tx, waiting.endpoint_id)
            return
        endpoint = endpoints(id=waiting.endpoint_id).get()
        if outcome.kind == "gone":
            suspension.mark_gone(tx, endpoint)
            return
        if suspension.is_over(endpoint, tx.now, timedelta(days=self._config.suspend_after_days)):
            suspension.suspend(tx, endpoint, outcome.error)
            return
        due_at = None if left_out else tx.now + pause(attempts, outcome)
        Endpoint.update(not_before=due_at).where(Endpoint.id == waiting.endpoint_id).execute()
        enqueue(tx, waiting.endpoint_id, due_at)


def pause(attempts: int, outcome: Outcome) -> timedelta:
    """Return the time until the next attempt: what the receiver asked for, or twice the last one,
    each with up to 20 % of jitter."""
    doubled = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE)
    asked = min(outcome.retry_after or timedelta(0), LONGEST_RETRY_AFTER)
    return max(doubled, asked) * random.uniform(1.0, 1.2)  # noqa: S311  # no secret


def note_test(tx: Tx, waiting: Waiting, outcome: Outcome) -> None:
    """Store how a test ended: it is sent once."""
    _note_attempt(tx, waiting, outcome, ends=True)


def end_test(tx: Tx, delivery_id: str, error: str) -> None:
    """Store that a test was not sent, and why."""
    still = (Delivery.id == delivery_id) & (Delivery.state == "waiting")
    Delivery.update(state="failed", error=error).where(still).execute()


def _delivered(tx: Tx, waiting: Waiting, outcome: Outcome) -> None:
    _note_attempt(tx, waiting, outcome, ends=True)
    failed_before = Endpoint.failures > 0
    Endpoint.update(failures=0, failing_since=None, not_before=None).where(
        _to(waiting), failed_before
    ).execute()


def _note_attempt(tx: Tx, waiting: Waiting, outcome: Outcome, *, ends: bool) -> None:
    # The job has the id of the request that it was enqueued in, and sends what waits of others.
    log.info(
        "the delivery %s to the webhook %s: %s",
        waiting.id,
        waiting.endpoint_id,
        outcome.error or outcome.kind,
        extra={"request_id": waiting.request_id},
    )
    values: dict[str, Any] = {
        "attempts": Delivery.attempts + 1,
        "attempted_at": tx.now,
        "status_code": outcome.status_code,
        "milliseconds": outcome.milliseconds,
        "error": outcome.error,
        "response": outcome.response,
    }
    if ends:
        values["state"] = "delivered" if outcome.kind == "delivered" else "failed"
    Delivery.update(**values).where(Delivery.id == waiting.id).execute()


def _count_failure(tx: Tx, waiting: Waiting) -> bool:
    """Return whether the endpoint still exists, with the URL that the attempt was made to."""
    one = _to(waiting)
    Endpoint.update(failing_since=tx.now).where(one, Endpoint.failing_since.is_null()).execute()
    return bool(Endpoint.update(failures=Endpoint.failures + 1).where(one).execute())


def _to(waiting: Waiting) -> Any:
    return (Endpoint.id == waiting.endpoint_id) & (Endpoint.url == waiting.url)


def _on_dead(tx: Tx, endpoint_id: str) -> None:
    """Go on where a job was cancelled, or has met errors for a day: the deliveries still wait."""
    enqueue(tx, endpoint_id)


def _on_dead_test(tx: Tx, delivery_id: str) -> None:
    """End a test whose job was cancelled, or has met errors for a day."""
    end_test(tx, delivery_id, "it was not sent: its job was cancelled, or has failed")
