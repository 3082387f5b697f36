"""What ``changemaker doctor`` and ``/api/health`` say about webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import BadSeal, Check, Finding, HealthCheck, Metric, Sample
from changemaker_core.features.webhooks.deliveries.secrets import secrets_in_force
from changemaker_core.features.webhooks.queries import backlogs, endpoints, secrets
from changemaker_core.features.webhooks.services import events_of
from changemaker_core.features.webhooks.urls import server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site
    from changemaker_core.features.webhooks.queries import StoredEndpoint


async def check_health(site: Site) -> None:
    """Fail if a webhook is suspended. Not critical: everything else works."""
    suspended = [e for e in await site.db.all(endpoints()) if e.status == "suspended"]
    if suspended:
        each = ", ".join(f"{e.id} ({e.status_reason})" for e in suspended)
        raise RuntimeError(f"webhooks are suspended: {each}")


def check_endpoints(site: Site) -> Iterator[Finding]:
    """Report endpoints that receive nothing, or not what they are meant to."""
    known = {each.item.name for each in events_of(site)}
    found = site.db.sync.all(endpoints())
    findings = [finding for each in found for finding in _findings(each, known)]
    yield from findings
    yield from _sealed(site)
    active = [each for each in found if each.status == "active"]
    if active and not findings:
        yield Finding("ok", f"Webhooks that receive what happens: {len(active)}.")


def _findings(endpoint: StoredEndpoint, known: set[str]) -> Iterator[Finding]:
    name = f"The webhook {endpoint.id} to {server_of(endpoint.url)}"
    if endpoint.status == "suspended":
        yield Finding(
            "warning",
            f"{name} is suspended: {endpoint.status_reason}.",
            f"Once its receiver works, `changemaker webhooks activate {endpoint.id}`.",
        )
    elif endpoint.status == "gone":
        yield Finding(
            "warning",
            f"{name} has ended: {endpoint.status_reason}.",
            f"`changemaker webhooks remove {endpoint.id}`; or, if its receiver was wrong,"
            f" `changemaker webhooks activate {endpoint.id}`.",
        )
    elif endpoint.status == "active" and endpoint.failing_since is not None:
        yield Finding(
            "warning",
            f"{name} has failed since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC.",
            f"`changemaker webhooks deliveries {endpoint.id}` says why.",
        )
    if unknown := sorted(set(endpoint.events) - known):
        yield Finding(
            "warning",
            f"{name} has events that no plugin declares: {', '.join(unknown)}.",
            "Nothing is sent for them until the plugin is installed again.",
        )


def _sealed(site: Site) -> Iterator[Finding]:
    for stored in site.db.sync.all(secrets()):
        try:
            secrets_in_force(site, stored)
        except BadSeal as error:
            yield Finding(
                "error",
                f"The secret of the webhook {stored.id} cannot be decrypted: {error}.",
                f"Or make a new one: `changemaker webhooks rotate-secret {stored.id}`.",
            )


def _waiting() -> list[Sample]:
    return [
        Sample(float(each.deliveries), {"webhook": each.endpoint_id}) for each in backlogs().all()
    ]


def _oldest() -> list[Sample]:
    return [
        Sample(each.oldest.timestamp(), {"webhook": each.endpoint_id}) for each in backlogs().all()
    ]


def _suspended() -> list[Sample]:
    return [
        Sample(1.0, {"webhook": each.id})
        for each in endpoints().all()
        if each.status == "suspended"
    ]


CONTRIBUTES: Final = (
    Check("webhooks.endpoints", check_endpoints, requires=("migrations",)),
    HealthCheck("webhooks.endpoints", check_health, critical=False),
    Metric(
        "cm_webhook_deliveries_waiting",
        "Deliveries that wait for a webhook",
        kind="gauge",
        labels=("webhook",),
        read=_waiting,
    ),
    Metric(
        "cm_webhook_oldest_timestamp_seconds",
        "When the event happened that has waited longest for a webhook",
        kind="gauge",
        labels=("webhook",),
        read=_oldest,
    ),
    Metric(
        "cm_webhook_suspended",
        "Webhooks that are suspended, since they have failed for days",
        kind="gauge",
        labels=("webhook",),
        read=_suspended,
    ),
)
