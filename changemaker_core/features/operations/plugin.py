"""The manifest of operations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import (
    HealthCheck,
    Interval,
    Job,
    Metric,
    Permission,
    Plugin,
    Route,
    SitemapSection,
    Text,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Check, Site


class OperationsPlugin(Plugin):
    """Health, metrics, queues, the API description, the home page and static files."""

    name = "operations"
    requires = ("accounts",)

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        from changemaker_core.features.operations import crawlers, images, pages, resources
        from changemaker_core.features.operations.health import HealthChecks

        checks = HealthChecks(site)
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
            Route("/api/health", resources.HealthResource(checks)),
            Route("/api/health/live", resources.LiveResource()),
            Route("/api/health/ready", resources.HealthResource(checks)),
            Route("/api/metrics", resources.MetricsResource(site, checks)),
            Route("/api/openapi.json", resources.OpenApiResource(site)),
            Route("/api/jobs", resources.JobsResource(site)),
            Route("/api/jobs/{id}", resources.JobResource(site)),
            Route("/api/jobs/{id}/cancel", resources.CancelledJobResource(site)),
            Route("/api/queues", resources.QueuesResource(site)),
            *_mailbox(site),
        ]

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        from changemaker_core.features.operations.images import delete_unused_images

        daily = Interval(timedelta(days=1))
        return [Job("operations.delete_unused_images", delete_unused_images, schedule=daily)]

    @hookimpl
    def cm_register_sitemap(self) -> list[SitemapSection]:
        from changemaker_core.features.operations.crawlers import menu_pages

        return [SitemapSection("operations.menu", menu_pages)]

    @hookimpl
    def operations_register_health_checks(self, site: Site) -> list[HealthCheck]:
        from changemaker_core.features.operations.health import (
            check_database,
            check_disk,
            check_queues,
            check_redis,
            replica_check,
        )

        checks = [
            HealthCheck("database", check_database),
            HealthCheck("disk", check_disk, critical=False),
            HealthCheck("queues", check_queues, critical=False),
        ]
        checks += [replica_check(number) for number, _ in enumerate(site.config.read_urls, 1)]
        if site.config.redis_url is not None:
            checks.append(HealthCheck("redis", check_redis, critical=False))
        return checks

    @hookimpl
    def operations_register_checks(self, site: Site) -> list[Check]:
        from changemaker_core.config import checks as config
        from changemaker_core.db import checks as database
        from changemaker_core.jobs import checks as jobs
        from changemaker_core.mail import checks as mail
        from changemaker_core.shared import checks as shared
        from changemaker_core.web import checks as web

        return [
            *database.checks(site),
            *jobs.checks(),
            *mail.checks(),
            *shared.checks(),
            *config.checks(),
            *web.checks(),
        ]

    @hookimpl
    def cm_register_metrics(self) -> list[Metric]:
        from changemaker_core.features.operations.metrics import metrics

        return metrics()

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        return [
            Permission("operations.jobs.read", Text("See jobs and queues")),
            Permission("operations.jobs.manage", Text("Cancel jobs")),
        ]


def _mailbox(site: Site) -> Iterator[Route]:
    from changemaker_core.features.operations import mailbox
    from changemaker_core.mail import FolderTransport

    if site.config.development and isinstance(site.mail, FolderTransport):
        yield Route("/mailbox", mailbox.MailboxPage(site.mail))
        yield Route("/mailbox/{id}", mailbox.MessagePage(site.mail))
        yield Route("/mailbox/{id}/html", mailbox.MessageHtml(site.mail))
