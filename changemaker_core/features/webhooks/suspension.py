"""Endpoints to which nothing is sent any more: the state, and the mail to their owner."""

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

_NAME: Final = MailVariable("name", Text("The person's name"), "Ada")
_ADDRESS: Final = MailVariable(
    "address", Text("The server that the webhook is sent to"), "https://example.org"
)
SUSPENDED: Final = MailTemplate(
    "webhooks.suspended",
    category=Text("Webhooks"),
    title=Text("A webhook is suspended"),
    description=Text(
        "Sent to the person who created a webhook that has failed for days, or has fallen far"
        " behind."
    ),
    subject=Text("A webhook of {{ organisation }} is suspended"),
    text=Text(
        "Hello {{ name }},\n\n"
        "nothing is sent to the server {{ address }} for now: its webhook has failed for days, or"
        " has fallen far behind.\n\n"
        "The reason: {{ reason }}\n\n"
        "What happens meanwhile is kept for some time. Once the server works again, activate the"
        " webhook: what was kept is then delivered in order."
    ),
    variables=(
        _NAME,
        _ADDRESS,
        MailVariable(
            "reason",
            Text("Why it is suspended"),
            "the receiver responded with 500 (Internal Server Error)",
        ),
    ),
)

GONE: Final = MailTemplate(
    "webhooks.gone",
    category=Text("Webhooks"),
    title=Text("A webhook has ended"),
    description=Text("Sent to the person who created a webhook whose receiver wants no more."),
    subject=Text("A webhook of {{ organisation }} has ended"),
    text=Text(
        "Hello {{ name }},\n\n"
        "the server {{ address }} has responded that it wants no more webhooks (410 Gone). So"
        " nothing is sent there any more, and what happens is not kept for it.\n\n"
        "If that is a mistake, have the server corrected, and activate the webhook. Otherwise"
        " delete it."
    ),
    variables=(_NAME, _ADDRESS),
)
#: The mail about each status.
_MAIL: Final = {"suspended": SUSPENDED, "gone": GONE}


def is_over(endpoint: StoredEndpoint, now: datetime, longest: timedelta) -> bool:
    """Return whether an endpoint has failed for so long that it is suspended."""
    since = endpoint.failing_since
    return since is not None and endpoint.failures >= LEAST_FAILURES and now - since >= longest


def suspend(tx: Tx, endpoint: StoredEndpoint, reason: str) -> None:
    """Send nothing to an endpoint until a person activates it again, and tell its owner why."""
    _end(tx, endpoint, "suspended", reason)


def mark_gone(tx: Tx, endpoint: StoredEndpoint) -> None:
    """Send nothing any more to an endpoint that has said so, and tell its owner."""
    _end(tx, endpoint, "gone", "the receiver responded with 410 (Gone)")


def tell_owner(run: JobRun, endpoint_id: str) -> None:
    """Tell the owner of an endpoint by mail that nothing is sent to it."""
    site = run.site
    endpoint = site.db.sync.one(endpoints(id=endpoint_id))
    if endpoint is None or endpoint.status not in _MAIL or endpoint.owner_id is None:
        return
    user = site.db.sync.one(account_by_id(endpoint.owner_id))
    if user is None:
        return
    template = _MAIL[endpoint.status]
    known = {
        "name": user.name,
        "address": server_of(endpoint.url),
        "reason": endpoint.status_reason,
    }
    values = {each.name: known[each.name] for each in template.variables}
    to = Address(user.name, user.email)
    run.mail(template.message(site, to=to, locale=user.locale, values=values))


JOBS: Final = (Job(TELL_OWNER, tell_owner, queue="mail", hold_after=timedelta(days=1)),)


def _end(tx: Tx, endpoint: StoredEndpoint, status: str, reason: str) -> None:
    active = (Endpoint.id == endpoint.id) & (Endpoint.status == "active")
    if not Endpoint.update(status=status, status_reason=reason).where(active).execute():
        return
    tx.audit(
        f"webhooks.endpoint.{status}",
        endpoint.id,
        label=server_of(endpoint.url),
        after={"reason": reason},
    )
    tx.after_commit(lambda: log.warning("the webhook %s is %s: %s", endpoint.id, status, reason))
    if endpoint.owner_id is not None:
        tx.enqueue(TELL_OWNER, {"endpoint_id": endpoint.id})
