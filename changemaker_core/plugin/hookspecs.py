"""Core's hooks: a signature, what it returns, an example. Called at boot only, in dependency order.

Every hook takes ``site`` (which an implementation may leave out) and returns a plain list of what
``changemaker_core.plugin.types`` defines. Features offer further hooks of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from changemaker_core.db.model import Model
    from changemaker_core.plugin.types import (
        Authenticator,
        Job,
        Metric,
        Route,
        Subscription,
    )
    from changemaker_core.site import Site

PROJECT = "changemaker"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


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
        ...     return [Job("hello.greet", greet), Job("hello.tidy", tidy, schedule=Every(DAY))]
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
        ...     return [Subscription("influence.email_sent", thank_the_sender)]
        """

    @hookspec
    def cm_register_authenticators(self, site: Site) -> list[Authenticator]:  # type: ignore[empty-body]  # a hookspec has no body
        """Ways in which a request proves who is asking.

        >>> @hookimpl
        ... def cm_register_authenticators(self, site):
        ...     return [Authenticator("hello.badge", BadgeReader(site).find, order=50)]
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
        """Seed data of a new site. Runs again without harm.

        ``options["demo"]`` is true when the site is a demonstration.

        >>> @hookimpl
        ... def cm_bootstrap_site(self, site, options):
        ...     if options["demo"]:
        ...         site.db.sync.write(seed_greetings)
        """
