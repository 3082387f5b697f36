"""One attempt to deliver: the request, and what its outcome means."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal

from changemaker_core import BadSeal
from changemaker_core.features.webhooks.config import WebhooksConfig
from changemaker_core.features.webhooks.deliveries.secrets import secrets_in_force
from changemaker_core.features.webhooks.deliveries.signatures import headers
from changemaker_core.features.webhooks.queries import Secrets, secrets
from changemaker_core.features.webhooks.urls import URLRefused, check_url
from changemaker_core.outgoing import OutgoingError, OutgoingLimits, OutgoingSync

if TYPE_CHECKING:
    from datetime import timedelta

    from changemaker_core import Site
    from changemaker_core.features.webhooks.queries import Waiting

#: A receiver stores what it gets, and responds; it does its work later.
LIMITS: Final = OutgoingLimits(connect=5.0, read=10.0, total=15.0, max_bytes=2_000, cut_body=True)
#: Characters of a response and of an error that the log of deliveries keeps.
LONGEST_KEPT: Final = 500
#: Statuses with which a receiver refuses one message, whatever it does with others.
OF_THE_MESSAGE: Final = frozenset({400, 413, 415, 422})

#: ``refused``: the receiver does not take this message, and may take others. ``gone``: it wants
#: nothing any more. ``failed``: no message would have been delivered.
OutcomeKind = Literal["delivered", "refused", "gone", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended. ``retry_after`` is what the receiver asked for."""

    kind: OutcomeKind
    milliseconds: int
    status_code: int | None = None
    error: str = ""
    response: str = ""
    retry_after: timedelta | None = None


class Attempts:
    """Sends deliveries over connections that this process reuses."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._allowed = site.config_of(WebhooksConfig).allowed_servers()
        self._client = OutgoingSync(limits=LIMITS, public_only=True, allowed=self._allowed)

    def check(self, url: str) -> None:
        """Raise ``URLRefused`` or ``OutgoingError`` for a URL that webhooks are not sent to."""
        check_url(url, self._allowed)
        self._client.check(url)

    def send(self, delivery: Waiting) -> Outcome:
        """Send a delivery once. Raises ``BadSeal`` where the endpoint's secret cannot be read."""
        site = self._site
        stored = site.db.sync.get(secrets(id=delivery.endpoint_id))
        body, now = delivery.body.encode(), site.clock()
        signed = headers(self._in_force(stored), delivery.message_id, now, body)
        began = time.monotonic()
        try:
            # A URL that was stored while the configuration allowed more.
            check_url(delivery.url, self._allowed)
            response = self._client.request(
                "POST",
                delivery.url,
                content=body,
                headers={"Content-Type": "application/json", "User-Agent": _agent(), **signed},
            )
        except (OutgoingError, URLRefused) as error:
            return Outcome(kind="failed", milliseconds=_since(began), error=_shortened(str(error)))
        return Outcome(
            kind=_kind_of(response.status),
            milliseconds=_since(began),
            status_code=response.status,
            error=_meaning(response.status),
            response=_shortened(response.body.decode(errors="replace")),
            retry_after=response.retry_after,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _in_force(self, stored: Secrets) -> list[str]:
        try:
            return secrets_in_force(self._site, stored)
        except BadSeal as error:
            raise BadSeal(f"the secret of the webhook {stored.id}: {error}") from error


def _kind_of(status: int) -> OutcomeKind:
    if 200 <= status < 300:
        return "delivered"
    if status == HTTPStatus.GONE:
        return "gone"
    return "refused" if status in OF_THE_MESSAGE else "failed"


def _meaning(status: int) -> str:
    if 200 <= status < 300:
        return ""
    phrase = ""
    with contextlib.suppress(ValueError):  # a status of the receiver's own
        phrase = f" ({HTTPStatus(status).phrase})"
    redirects = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"the receiver responded with {status}{phrase}{redirects}"


def _shortened(text: str) -> str:
    """Return the beginning of a text of a stranger, as a database and a terminal can take it."""
    kept = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text[:LONGEST_KEPT])
    return kept if len(text) <= LONGEST_KEPT else f"{kept}…"


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


@lru_cache
def _agent() -> str:
    return f"Changemaker/{version('changemaker-core')}"
