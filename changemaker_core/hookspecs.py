"""Core's hooks: a signature, what it returns, an example. Called at boot only, in dependency order.

Every hook takes ``site`` (which an implementation may leave out) and returns a plain list of what
the rooms' ``declarations`` define; ``KINDS`` is the table of them. Features offer further hooks of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.db.model import MODELS
from changemaker_core.http.declarations import AUTHENTICATORS, ROUTES
from changemaker_core.identity.declarations import PERMISSIONS, ROLES, SCOPES
from changemaker_core.jobs.declarations import JOBS, SUBSCRIPTIONS
from changemaker_core.metrics.declarations import METRICS
from changemaker_core.plugin.base import hookspec
from changemaker_core.settings.contributed import SEALED_VALUES, SETTINGS
from changemaker_core.web.assets.service_workers import SERVICE_WORKERS
from changemaker_core.web.declarations import HOME_PAGES, NAVIGATION
from changemaker_core.web.images.declarations import IMAGE_USES
from changemaker_core.web.sitemap import SITEMAP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from changemaker_core.db import Model
    from changemaker_core.http.declarations import Authenticator, Route
    from changemaker_core.identity import Permission, Role, Scope
    from changemaker_core.jobs import Job, Subscription
    from changemaker_core.metrics import Metric
    from changemaker_core.plugin.contributions import Kind
    from changemaker_core.settings import SealedValues, SettingsGroup
    from changemaker_core.site import Site
    from changemaker_core.web.assets.service_workers import ServiceWorker
    from changemaker_core.web.declarations import HomePage, NavigationEntry
    from changemaker_core.web.images.declarations import ImageUse
    from changemaker_core.web.sitemap import SitemapSection

#: Every kind of contribution that core collects, in the order in which the hooks are called.
KINDS: tuple[Kind[Any], ...] = (
    PERMISSIONS,
    ROLES,
    SCOPES,
    SETTINGS,
    SEALED_VALUES,
    MODELS,
    METRICS,
    ROUTES,
    JOBS,
    SUBSCRIPTIONS,
    AUTHENTICATORS,
    HOME_PAGES,
    NAVIGATION,
    SITEMAP,
    IMAGE_USES,
    SERVICE_WORKERS,
)


class CoreHooks:
    """The hooks that core itself calls."""

    @hookspec
    def cm_register_models(self, site: Site) -> list[type[Model]]:  # type: ignore[empty-body]  # a hookspec has no body
        """Models whose tables this plugin owns; each table is named ``<plugin>_<entity>``.

        >>> @hookimpl
        ... def cm_register_models(self):
        ...     return [Interview, Interviewer]
        """

    @hookspec
    def cm_register_routes(self, site: Site) -> list[Route]:  # type: ignore[empty-body]  # a hookspec has no body
        """Resources and their paths.

        >>> @hookimpl
        ... def cm_register_routes(self, site):
        ...     return [Route("/api/hello", Hello()), Route("/hello/{id}", HelloPage(site))]
        """

    @hookspec
    def cm_register_jobs(self, site: Site) -> list[Job]:  # type: ignore[empty-body]  # a hookspec has no body
        """Work that is done outside of requests, at once or on a schedule.

        >>> @hookimpl
        ... def cm_register_jobs(self):
        ...     daily = Interval(timedelta(days=1))
        ...     return [Job("hello.greet", greet), Job("hello.purge", purge, schedule=daily)]
        """

    @hookspec
    def cm_register_metrics(self, site: Site) -> list[Metric]:  # type: ignore[empty-body]  # a hookspec has no body
        """Prometheus metrics, of the process or read from the database.

        >>> @hookimpl
        ... def cm_register_metrics(self):
        ...     return [Metric("cm_hellos_total", "Greetings sent", read=greetings_sent)]
        """

    @hookspec
    def cm_register_subscriptions(self, site: Site) -> list[Subscription]:  # type: ignore[empty-body]  # a hookspec has no body
        """Events of other plugins that this one acts on, each delivered as a job.

        >>> @hookimpl
        ... def cm_register_subscriptions(self):
        ...     return [Subscription("petitions.signed", thank_the_signer)]
        """

    @hookspec
    def cm_register_authenticators(self, site: Site) -> list[Authenticator]:  # type: ignore[empty-body]  # a hookspec has no body
        """Ways in which a request proves who sends it.

        >>> @hookimpl
        ... def cm_register_authenticators(self, site):
        ...     find = BadgeReader(site).find
        ...     return [Authenticator("hello.badge", find, headers=("X-Badge",))]
        """

    @hookspec
    def cm_register_permissions(self, site: Site) -> list[Permission]:  # type: ignore[empty-body]  # a hookspec has no body
        """What a role may be allowed to do; each name begins with the plugin's and a dot.

        >>> @hookimpl
        ... def cm_register_permissions(self):
        ...     return [Permission("hello.greeting.write", "Write greetings")]
        """

    @hookspec
    def cm_register_roles(self, site: Site) -> list[Role]:  # type: ignore[empty-body]  # a hookspec has no body
        """Named sets of permissions that ship with the plugin.

        >>> @hookimpl
        ... def cm_register_roles(self):
        ...     greeter = frozenset({"hello.greeting.write"})
        ...     return [Role("GREETER", "Can write greetings", greeter)]
        """

    @hookspec
    def cm_register_scopes(self, site: Site) -> list[Scope]:  # type: ignore[empty-body]  # a hookspec has no body
        """Kinds of objects that a role can be limited to: one campaign, one event.

        >>> @hookimpl
        ... def cm_register_scopes(self):
        ...     writing = frozenset({"hello.greeting.write"})
        ...     return [Scope("hello.greeting", Text("Greeting"), writing, title_of_greeting)]
        """

    @hookspec
    def cm_register_settings(self, site: Site) -> list[SettingsGroup]:  # type: ignore[empty-body]  # a hookspec has no body
        """What organisers change while the site runs; ``site.settings(GreetingSettings)`` returns
        the values.

        >>> @hookimpl
        ... def cm_register_settings(self):
        ...     return [SettingsGroup("hello", Text("Greetings"), GreetingSettings)]
        """

    @hookspec
    def cm_register_sealed_values(self, site: Site) -> list[SealedValues]:  # type: ignore[empty-body]  # a hookspec has no body
        """What is encrypted in this plugin's tables: it is encrypted anew when ``secret_key`` was
        replaced.

        >>> @hookimpl
        ... def cm_register_sealed_values(self):
        ...     return [SealedValues("hello.tokens", reseal_tokens)]
        """

    @hookspec
    def cm_register_home_page(self, site: Site) -> list[HomePage]:  # type: ignore[empty-body]  # a hookspec has no body
        """The page that ``/`` leads to: the operator's ``home_page``, else that of the first plugin
        in load order which offers one.

        >>> @hookimpl
        ... def cm_register_home_page(self):
        ...     return [HomePage("/hello")]
        """

    @hookspec
    def cm_register_navigation(self, site: Site) -> list[NavigationEntry]:  # type: ignore[empty-body]  # a hookspec has no body
        """Entries of the menu at the top of public pages; with a permission, of the organisers'.

        >>> @hookimpl
        ... def cm_register_navigation(self):
        ...     return [NavigationEntry(Text("Greetings"), "/hello")]
        """

    @hookspec
    def cm_register_sitemap(self, site: Site) -> list[SitemapSection]:  # type: ignore[empty-body]  # a hookspec has no body
        """Public pages that search engines should know. The pages of the menu need no entry.

        >>> @hookimpl
        ... def cm_register_sitemap(self):
        ...     return [SitemapSection("hello.greetings", greeting_pages, count_greetings)]
        """

    @hookspec
    def cm_register_image_uses(self, site: Site) -> list[ImageUse]:  # type: ignore[empty-body]  # a hookspec has no body
        """Which images of this plugin are in use: those that none finds are deleted after a week.

        >>> @hookimpl
        ... def cm_register_image_uses(self):
        ...     return [ImageUse("hello.posters", posters_in_use)]
        """

    @hookspec
    def cm_register_service_workers(self, site: Site) -> list[ServiceWorker]:  # type: ignore[empty-body]  # a hookspec has no body
        """Scripts that keep pages working without a network.

        >>> @hookimpl
        ... def cm_register_service_workers(self):
        ...     files = ("core/base.css", "core/frame.css")
        ...     return [ServiceWorker("hello.offline", "/hello", "hello/worker.js", files)]
        """

    @hookspec
    def cm_lifespan(self, site: Site) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]  # a hookspec has no body
        """What is open for as long as the process serves: entered in dependency order, left in
        reverse.

        >>> @hookimpl
        ... @contextlib.asynccontextmanager
        ... async def cm_lifespan(self, site):
        ...     async with httpx.AsyncClient() as self.client:
        ...         yield
        """

    @hookspec
    def cm_bootstrap_site(self, site: Site, options: Mapping[str, Any]) -> None:
        """Seed data of a new site. It must be safe to call again.

        ``options["demo"]`` is true when the site is a demonstration.

        >>> @hookimpl
        ... def cm_bootstrap_site(self, site, options):
        ...     if options["demo"]:
        ...         site.db.sync.write(seed_greetings)
        """
