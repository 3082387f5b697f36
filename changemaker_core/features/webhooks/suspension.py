"""Endpoints that are given up for now: the state, and the mail to their owner."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Job, MailTemplate, MailVariable, Text
from changemaker_core.features.accounts.api import account_by_id
from changemaker_core.features.webhooks.models import Endpoint
from changemaker_core.features.webhooks.queries import endpoints
from changemaker_core.features.webhooks.urls import server_of
from changemaker_core.mail import Address

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import JobRun, Tx
    from changemaker_core.features.webhooks.queries import StoredEndpoint

log = logging.getLogger(__name__)

TELL_OWNER: Final = "webhooks.tell_owner"
#: An endpoint has been tried so often before it is suspended. After days in which this site was
#: switched off, the first failure is not its fifth day.
LEAST_FAILURES: Final = 10

SUSPENDED: Final = MailTemplate(
    "webhooks.suspended",
    category=Text("Webhooks"),
    title=Text("A webhook is suspended"),
    description=Text("Sent to the person who created a webhook that has failed for days."),
    subject=Text("A webhook of {{ organisation }} is suspended"),
    text=Text(
        "Hello {{ name }},\n\n"
        "the server {{ address }} has not accepted a webhook for days, so that no more are sent"
        " there.\n\n"
        "The last attempt ended with: {{ reason }}\n\n"
        "What happens meanwhile is kept for some time. Once it works again, activate the"
        " webhook, and everything is delivered in order."
    ),
    variables=(
        MailVariable("name", Text("The person's name"), "Ada"),
        MailVariable(
            "address", Text("The server that the webhook is sent to"), "https://example.org"
        ),
        MailVariable(
            "reason",
            Text("How the last attempt ended"),
            "the receiver responded with 500 (Internal Server Error)",
        ),
    ),
)


def is_over(endpoint: StoredEndpoint, now: datetime, longest: timedelta) -> bool:
    """Return whether an endpoint has failed for so long that it is suspended."""
    since = endpoint.failing_since
    return since is not None and endpoint.failures >= LEAST_FAILURES and now - since >= longest


def suspend(tx: Tx, endpoint: StoredEndpoint, reason: str) -> None:
    """Send nothing to an endpoint until a person activates it again, and tell its owner why."""
    _end(tx, endpoint, "suspended", reason)
    log.warning("the webhook %s is suspended: %s", endpoint.id, reason)
    if endpoint.owner_id is not None:
        tx.enqueue(TELL_OWNER, {"endpoint_id": endpoint.id})


def mark_gone(tx: Tx, endpoint: StoredEndpoint) -> None:
    """Send nothing any more to an endpoint that has said so."""
    _end(tx, endpoint, "gone", "the receiver responded with 410 (Gone)")
    log.info("the webhook %s is off: its receiver responded with 410", endpoint.id)


def tell_owner(run: JobRun, endpoint_id: str) -> None:
    """Tell the owner of an endpoint by mail that it is suspended."""
    site = run.site
    endpoint = site.db.sync.one(endpoints(id=endpoint_id))
    if endpoint is None or endpoint.status != "suspended" or endpoint.owner_id is None:
        return
    user = site.db.sync.one(account_by_id(endpoint.owner_id))
    if user is None:
        return
    values = {
        "name": user.name,
        "address": server_of(endpoint.url),
        "reason": endpoint.status_reason,
    }
    to = Address(user.name, user.email)
    run.mail(SUSPENDED.message(site, to=to, locale=user.locale, values=values))


JOBS: Final = (Job(TELL_OWNER, tell_owner, queue="mail", hold_after=timedelta(days=1)),)


def _end(tx: Tx, endpoint: StoredEndpoint, status: str, reason: str) -> None:
    active = (Endpoint.id == endpoint.id) & (Endpoint.status == "active")
    if Endpoint.update(status=status, status_reason=reason).where(active).execute():
        tx.audit(
            f"webhooks.endpoint.{status}",
            endpoint.id,
            label=server_of(endpoint.url),
            after={"reason": reason},
        )
