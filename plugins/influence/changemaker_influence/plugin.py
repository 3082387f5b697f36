"""Influence: the manifest."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from changemaker_core import (
    Check,
    HomePage,
    ImageUse,
    NavigationEntry,
    Plugin,
    Route,
    Site,
    SitemapSection,
    Text,
    hookimpl,
)
from changemaker_influence import demo
from changemaker_influence.campaigns import permissions, sitemap
from changemaker_influence.campaigns.models import (
    Campaign,
    CampaignText,
    CustomRecipient,
    EmailTally,
    FormerSlug,
)
from changemaker_influence.campaigns.queries import cover_photos
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.directories.checks import (
    DIRECTORY_KEYS,
    check_data,
    check_directory,
    warn_of_data,
)
from changemaker_influence.directories.lookup import Lookups, shipped_directories
from changemaker_influence.directories.models import LookupCount, PostalCode
from changemaker_influence.emails import trials
from changemaker_influence.emails.jobs import JOBS
from changemaker_influence.emails.models import CampaignEmail, EmailTry, IdempotencyKey
from changemaker_influence.emails.personal import PERSONAL_DATA
from changemaker_influence.metrics import METRICS
from changemaker_influence.networks.models import RaisedLimit
from changemaker_influence.numbers.models import SentInPeriod, SentToRecipient
from changemaker_influence.outcomes.jobs import JOBS as OUTCOME_JOBS
from changemaker_influence.routes import routes
from changemaker_influence.settings import GROUP
from changemaker_influence.webhooks import EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from changemaker_admin.api import AdminScreen, Attention, Card, Step
    from changemaker_core import Finding
    from changemaker_influence.directories.directory import Directory


class InfluencePlugin(Plugin):
    """Campaigns that write to representatives."""

    name = "influence"
    after = ("admin",)
    config = InfluenceConfig
    # Representatives out of a file, so that a demonstration sends no request to another server.
    demo_config = {"directory": "file"}  # noqa: RUF012  # declared as a ClassVar
    region = "CA"
    contributes = (
        Campaign,
        FormerSlug,
        CampaignText,
        CustomRecipient,
        EmailTally,
        CampaignEmail,
        EmailTry,
        IdempotencyKey,
        PostalCode,
        LookupCount,
        RaisedLimit,
        SentInPeriod,
        SentToRecipient,
        *permissions.PERMISSIONS,
        *permissions.ROLES,
        *permissions.SCOPES,
        HomePage("/campaigns"),
        NavigationEntry(Text("Campaigns"), "/campaigns"),
        SitemapSection("influence.campaigns", sitemap.pages, sitemap.count),
        ImageUse("influence.covers", lambda site: site.db.sync.all(cover_photos())),
        GROUP,
        *JOBS,
        *OUTCOME_JOBS,
        *trials.JOBS,
        *METRICS,
        *PERSONAL_DATA,
        *EVENTS,
        Check("influence.directory", check_directory, keys=DIRECTORY_KEYS),
    )

    def __init__(self) -> None:
        self._lookups: Lookups | None = None

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        return routes(site, self._lookups_of(site))

    @hookimpl
    def admin_register_screens(self, site: Site) -> list[AdminScreen]:
        from changemaker_influence.letters import screens as letters
        from changemaker_influence.organising import screens as campaigns

        return [*campaigns.screens(site, self._lookups_of(site)), *letters.screens()]

    @hookimpl
    def admin_register_attention(self) -> list[Attention]:
        from changemaker_influence.letters.screens import attention

        return attention()

    @hookimpl
    def admin_register_cards(self) -> list[Card]:
        from changemaker_influence.dashboard import items

        return items.cards()

    @hookimpl
    def admin_register_steps(self) -> list[Step]:
        from changemaker_influence.dashboard import items

        return items.steps()

    @hookimpl
    @contextlib.asynccontextmanager
    async def cm_lifespan(self, site: Site) -> AsyncIterator[None]:
        from changemaker_influence.emails.links import telephone

        warn_of_data(site, self._lookups_of(site).directory)
        loading = asyncio.create_task(asyncio.to_thread(telephone.load))
        try:
            yield
        finally:
            await loading
            await self._lookups_of(site).close()

    @hookimpl
    def cm_bootstrap_site(self, site: Site, options: Mapping[str, Any]) -> None:
        if options.get("demo"):
            site.db.sync.write(demo.seed)

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        def check(site: Site) -> Iterable[Finding]:
            return check_data(site, self._lookups_of(site).directory)

        name = "influence.directory_data"
        return [Check(name, check, requires=("migrations",), keys=DIRECTORY_KEYS)]

    @hookimpl
    def influence_register_directories(self, site: Site) -> list[Directory]:
        return shipped_directories(site)

    def _lookups_of(self, site: Site) -> Lookups:
        if self._lookups is None:
            self._lookups = Lookups.of(site)
        return self._lookups
