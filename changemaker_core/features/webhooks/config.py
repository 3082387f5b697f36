"""Configuration: the ``[webhooks]`` table of ``changemaker.toml``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core.outgoing import AllowedServers


class WebhooksConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which servers webhooks may be sent to, and for how long deliveries are tried and kept.

    ``allow``: hosts, addresses and networks that are not public and nevertheless receive webhooks,
    by ``http://`` too where a URL has the name or address itself: ``["crm.lan", "10.20.0.0/24"]``.
    ``suspend_after_days``: for so long an endpoint may fail until it is suspended.
    ``retention_days``: for so long deliveries are kept, those that wait too.
    """

    allow: tuple[str, ...] = ()
    suspend_after_days: Annotated[float, Meta(gt=0, le=30)] = 5.0
    retention_days: Annotated[float, Meta(ge=1, le=366)] = 30.0

    def __post_init__(self) -> None:
        self.allowed_servers()

    def allowed_servers(self) -> AllowedServers:
        """Return ``allow``, read. Raises ``ValueError``."""
        return AllowedServers(self.allow)
