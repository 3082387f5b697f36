"""The secrets of endpoints: sealed in the database, and two in force while one is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import BadSeal
from changemaker_core.features.webhooks.models import Endpoint
from changemaker_core.features.webhooks.queries import secrets

if TYPE_CHECKING:
    from changemaker_core import Sealer, Site, Tx
    from changemaker_core.features.webhooks.queries import Secrets

PURPOSE: Final = "webhooks"
#: Held by what reads an endpoint and writes what follows from that.
LOCK: Final = "webhooks.endpoints"


def place_of(endpoint_id: str) -> str:
    """Return the place for which both secrets of an endpoint are sealed."""
    return f"webhooks.endpoint/{endpoint_id}"


def secrets_in_force(site: Site, stored: Secrets) -> list[str]:
    """Return the secrets that sign at present, the newest first. Raises ``BadSeal``."""
    sealer, place = site.sealer(PURPOSE), place_of(stored.id)
    found = [sealer.unseal(stored.secret, place=place)]
    until = stored.previous_until
    if stored.previous_secret is not None and until is not None and until > site.clock():
        found.append(sealer.unseal(stored.previous_secret, place=place))
    return found


def reseal(tx: Tx, site: Site) -> int:
    """Encrypt every secret with the present secret key; return how many there are.

    Raises ``BadSeal`` for one whose key is not configured.
    """
    tx.lock(LOCK)  # a rotation meanwhile would keep a former secret under the former key
    sealer, count = site.sealer(PURPOSE), 0
    for row in secrets().all():
        found = {"secret": row.secret, "previous_secret": row.previous_secret}
        sealed = {name: _reseal(sealer, token, row.id) for name, token in found.items() if token}
        Endpoint.update(**sealed).where(Endpoint.id == row.id).execute()
        count += len(sealed)
    return count


def _reseal(sealer: Sealer, token: str, endpoint_id: str) -> str:
    try:
        return sealer.reseal(token, place=place_of(endpoint_id))
    except BadSeal as error:
        raise BadSeal(f"the secret of the webhook {endpoint_id}: {error}") from error
