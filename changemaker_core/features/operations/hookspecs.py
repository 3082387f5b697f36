"""Hooks that operations offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import hookspec

if TYPE_CHECKING:
    from changemaker_core import HealthCheck, Site


class OperationsHooks:
    """What an operator watches."""

    @hookspec
    def operations_register_health_checks(self, site: Site) -> list[HealthCheck]:  # type: ignore[empty-body]  # a hookspec has no body
        """What must work for the site to be healthy; run side by side at each ``/api/health``.

        >>> @hookimpl
        ... def operations_register_health_checks(self):
        ...     return [HealthCheck("hello.greeter", greeter_answers)]
        """
