"""Hooks that operations offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Check, Kind, hookspec, named
from changemaker_core.features.operations.declarations import HealthCheck

if TYPE_CHECKING:
    from changemaker_core import Site

HEALTH_CHECKS = Kind("operations_register_health_checks", HealthCheck, named("health check"))
CHECKS = Kind("operations_register_checks", Check, named("check"))


class OperationsHooks:
    """Hooks about the state of a site."""

    @hookspec
    def operations_register_health_checks(self, site: Site) -> list[HealthCheck]:  # type: ignore[empty-body]  # a hookspec has no body
        """What must work for the site to be healthy. Run concurrently for each ``/api/health``.

        >>> @hookimpl
        ... def operations_register_health_checks(self):
        ...     return [HealthCheck("hello.greeter", check_greeter)]
        """

    @hookspec
    def operations_register_checks(self, site: Site) -> list[Check]:  # type: ignore[empty-body]  # a hookspec has no body
        """What ``changemaker doctor`` looks at, and how to fix what it finds.

        Also called while the database or another plugin is broken: build the checks without using
        either.

        >>> @hookimpl
        ... def operations_register_checks(self):
        ...     return [Check("hello.greeter", check_greeter)]
        """
