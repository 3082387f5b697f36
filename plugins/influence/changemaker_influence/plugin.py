"""Influence: the manifest."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from changemaker_core import (
    HomePage,
    ImageUse,
    NavigationEntry,
    Plugin,
    Route,
    SitemapSection,
    Text,
    hookimpl,
)
from changemaker_influence.config import InfluenceConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from changemaker_core import Check, Finding, Job, Metric, Model, Permission, Role, Site
    from changemaker_influence.directories.directory import Directory
    from changemaker_influence.directories.lookup import Lookups


class InfluencePlugin(Plugin):
    """Campaigns that write to representatives."""

    name = "influence"
    config = InfluenceConfig
    # Representatives out of a file, so that a demonstration sends no request to another server.
    demo_config = {"directory": "file"}  # noqa: RUF012  # declared as a ClassVar
    region = "CA"

    def __init__(self) -> None:
        self._lookups: Lookups | None = None

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        from changemaker_influence.campaigns import models as campaigns
        from changemaker_influence.directories import models as directories
        from changemaker_influence.emails import models as emails
        from changemaker_influence.networks import models as networks

        return [
            campaigns.Campaign,
            campaigns.CustomRecipient,
            campaigns.EmailTally,
            emails.CampaignEmail,
            emails.IdempotencyKey,
            directories.PostalCode,
            directories.LookupCount,
            networks.RaisedLimit,
        ]

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        from changemaker_influence.routes import routes

        return routes(site, self._lookups_of(site))

    @hookimpl
    def cm_register_home_page(self) -> list[HomePage]:
        return [HomePage("/campaigns")]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry(Text("Campaigns"), "/campaigns")]

    @hookimpl
    def cm_register_sitemap(self) -> list[SitemapSection]:
        from changemaker_influence.campaigns import sitemap

        return [SitemapSection("influence.campaigns", sitemap.pages, sitemap.count)]

    @hookimpl
    def cm_register_image_uses(self) -> list[ImageUse]:
        from changemaker_influence.campaigns.queries import cover_photos

        return [ImageUse("influence.covers", lambda site: site.db.sync.all(cover_photos()))]

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        from changemaker_influence.emails.jobs import jobs

        return jobs()

    @hookimpl
    def cm_register_metrics(self) -> list[Metric]:
        from changemaker_influence.metrics import metrics

        return metrics()

    @hookimpl
    @contextlib.asynccontextmanager
    async def cm_lifespan(self, site: Site) -> AsyncIterator[None]:
        from changemaker_influence.emails import telephone

        loading = asyncio.create_task(asyncio.to_thread(telephone.load))
        try:
            yield
        finally:
            await loading
            await self._lookups_of(site).close()

    @hookimpl
    def cm_bootstrap_site(self, site: Site, options: Mapping[str, Any]) -> None:
        if options.get("demo"):
            from changemaker_influence import demo

            site.db.sync.write(demo.seed)

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        from changemaker_influence.campaigns.permissions import PERMISSIONS

        return PERMISSIONS

    @hookimpl
    def cm_register_roles(self) -> list[Role]:
        from changemaker_influence.campaigns.permissions import ROLES

        return ROLES

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        from changemaker_core import Check
        from changemaker_influence.directories.checks import check_data, check_directory

        def check(site: Site) -> Iterable[Finding]:
            return check_data(site, self._lookups_of(site).directory)

        return [
            Check("influence.directory", check_directory),
            Check("influence.directory_data", check, requires=("migrations",)),
        ]

    @hookimpl
    def influence_register_directories(self, site: Site) -> list[Directory]:
        from changemaker_influence.directories.lookup import shipped_directories

        return shipped_directories(site)

    def _lookups_of(self, site: Site) -> Lookups:
        if self._lookups is None:
            from changemaker_influence.directories.lookup import Lookups

            self._lookups = Lookups.of(site)
        return self._lookups
