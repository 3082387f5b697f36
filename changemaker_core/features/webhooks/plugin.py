"""The manifest of webhooks."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import (
    Interval,
    Job,
    Permission,
    Plugin,
    Route,
    SealedValues,
    Text,
    hookimpl,
)
from changemaker_core.features.webhooks import checks, models, own, resources, suspension
from changemaker_core.features.webhooks.config import WebhooksConfig
from changemaker_core.features.webhooks.deliveries.attempts import Attempts
from changemaker_core.features.webhooks.deliveries.delivering import Deliveries
from changemaker_core.features.webhooks.deliveries.secrets import reseal
from changemaker_core.features.webhooks.deliveries.tidying import tidy
from changemaker_core.features.webhooks.personal import DELIVERIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from changemaker_core import Site

_ONE = "/api/webhooks/{id}"


class WebhooksPlugin(Plugin):
    """Other programs are notified of what happens in a site."""

    name = "webhooks"
    requires = ("accounts", "mailtemplates", "operations")
    config = WebhooksConfig
    contributes = (
        models.Endpoint,
        models.Delivery,
        Permission(resources.MANAGE, Text("Manage webhooks, and see what they have sent")),
        SealedValues("webhooks.secrets", reseal),
        Job("webhooks.tidy", tidy, schedule=Interval(timedelta(hours=1))),
        own.TEST,
        suspension.SUSPENDED,
        suspension.GONE,
        *suspension.JOBS,
        *checks.CONTRIBUTES,
        DELIVERIES,
    )

    def __init__(self) -> None:
        self._attempts: Attempts | None = None
        self._lock = threading.Lock()

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        def of(resource: type[resources._Resource]) -> resources._Resource:
            return resource(site, lambda: self._attempts_of(site))

        return [
            Route("/api/webhook-events", of(resources.EventsResource)),
            Route("/api/webhooks", of(resources.WebhooksResource)),
            Route(_ONE, of(resources.WebhookResource)),
            Route(f"{_ONE}/rotate-secret", of(resources.RotateSecretResource)),
            Route(f"{_ONE}/test", of(resources.SendTestResource)),
            Route(f"{_ONE}/deliveries", of(resources.DeliveriesResource)),
            Route(f"{_ONE}/deliveries/{{delivery}}/redeliver", of(resources.RedeliverResource)),
        ]

    @hookimpl
    def cm_register_jobs(self, site: Site) -> list[Job]:
        return Deliveries(site, lambda: self._attempts_of(site)).jobs()

    @hookimpl
    @contextlib.asynccontextmanager
    async def cm_lifespan(self, site: Site) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self._attempts is not None:
                self._attempts.close()

    def _attempts_of(self, site: Site) -> Attempts:
        with self._lock:
            if self._attempts is None:
                self._attempts = Attempts(site)
            return self._attempts
