"""Hooks that operations offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Check, Claim, Kind, hookspec
from changemaker_core.features.operations.declarations import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def _health_check(check: HealthCheck, plugin: str) -> Iterator[Claim]:
    yield Claim("health check", check.name, prefix=_prefix(plugin))


def _check(check: Check, plugin: str) -> Iterator[Claim]:
    yield Claim("check", check.name, prefix=_prefix(plugin))


def _prefix(plugin: str) -> str:
    """A plugin's checks begin with its name; this feature brings those of core's rooms."""
    return "" if plugin == "operations" else f"{plugin}."


HEALTH_CHECKS = Kind(
    "operations_register_health_checks", HealthCheck, _health_check, calls=("await check(site)",)
)
CHECKS = Kind("operations_register_checks", Check, _check, calls=("run(site)",))


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
