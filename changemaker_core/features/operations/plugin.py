"""The manifest of operations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import (
    HealthCheck,
    Interval,
    Job,
    Permission,
    Plugin,
    Route,
    SitemapSection,
    Text,
    hookimpl,
)
from changemaker_core.config import checks as config
from changemaker_core.db import checks as database
from changemaker_core.features.operations import (
    backing_up,
    crawlers,
    health,
    images,
    mailbox,
    pages,
    resources,
    standing,
)
from changemaker_core.features.operations.metrics import METRICS
from changemaker_core.features.operations.openapi import resources as openapi
from changemaker_core.jobs import checks as jobs
from changemaker_core.mail import Address, FolderTransport
from changemaker_core.mail import checks as mail
from changemaker_core.shared import checks as shared
from changemaker_core.web import checks as web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Check, Site


class OperationsPlugin(Plugin):
    """Health, metrics, queues, the API description, the home page and static files."""

    name = "operations"
    requires = ("accounts",)
    contributes = (
        Permission("operations.jobs.read", Text("See jobs and queues")),
        Permission("operations.jobs.manage", Text("Cancel jobs and run them again")),
        Permission("operations.queues.manage", Text("Hold and release queues")),
        Permission("operations.health.read", Text("See metrics and the site's health in detail")),
        Permission("operations.backups.read", Text("See backups")),
        Permission("operations.backups.make", Text("Make backups")),
        backing_up.JOB,
        Job(
            "operations.delete_unused_images",
            images.delete_unused_images,
            schedule=Interval(timedelta(days=1)),
        ),
        *METRICS,
        SitemapSection("operations.menu", crawlers.menu_pages),
        HealthCheck("database", health.check_database),
        HealthCheck("disk", health.check_disk, critical=False),
        HealthCheck("queues", health.check_queues, critical=False),
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        checks = standing.health_checks(site)
        return [
            Route("/", pages.HomePage(site)),
            Route("/static/{path:path}", pages.StaticFile(site)),
            Route("/images/{owner}/{name}/{file}", images.ImageFile(site), delivery=True),
            Route("/service-workers/{slug}", pages.ServiceWorkerScript(site)),
            Route("/favicon.ico", crawlers.Icon(site, "core/favicon.ico")),
            Route("/apple-touch-icon.png", crawlers.Icon(site, "core/apple-touch-icon.png")),
            Route("/robots.txt", crawlers.Robots(site)),
            Route("/sitemap.xml", crawlers.SitemapIndex(site)),
            Route("/sitemaps/{slug}", crawlers.SitemapFile(site)),
            Route("/api/health", resources.HealthResource(site, checks)),
            Route("/api/health/live", resources.LiveResource()),
            Route("/api/health/ready", resources.HealthResource(site, checks)),
            Route("/api/metrics", resources.MetricsResource(site, checks)),
            *openapi.routes(site),
            Route("/api/jobs", resources.JobsResource(site)),
            Route("/api/jobs/{id}", resources.JobResource(site)),
            Route("/api/jobs/{id}/cancel", resources.CancelledJobResource(site)),
            Route("/api/queues", resources.QueuesResource(site)),
            Route("/api/queues/{slug}/hold", resources.HoldQueueResource()),
            Route("/api/queues/{slug}/release", resources.ReleaseQueueResource()),
            Route("/api/queues/{slug}/try", resources.TryQueueResource()),
            *_mailbox(site),
        ]

    @hookimpl
    def operations_register_health_checks(self, site: Site) -> list[HealthCheck]:
        checks = [health.replica_check(number) for number, _ in enumerate(site.config.read_urls, 1)]
        if site.config.redis_url is not None:
            checks.append(HealthCheck("redis", health.check_redis, critical=False))
        return checks

    @hookimpl
    def operations_register_checks(self, site: Site) -> list[Check]:
        return [
            *database.checks(site),
            *jobs.checks(),
            *mail.checks(),
            *shared.checks(),
            *config.checks(),
            *web.checks(),
        ]


def _mailbox(site: Site) -> Iterator[Route]:
    if site.config.development and site.config.smtp_url is None:
        folder = FolderTransport(site.folder("mail"), Address.parse(site.config.mail_from))
        yield Route("/mailbox", mailbox.MailboxPage(folder))
        yield Route("/mailbox/{id}", mailbox.MessagePage(folder))
        yield Route("/mailbox/{id}/html", mailbox.MessageHtml(folder))
