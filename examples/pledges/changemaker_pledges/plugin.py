"""Pledges: the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import NavigationEntry, Plugin, Route, Text, hookimpl
from changemaker_pledges.config import PledgesConfig

if TYPE_CHECKING:
    from changemaker_core import Job, Metric, Model, Permission, Role, Site


class PledgesPlugin(Plugin):
    """People promise to come to a meeting, are thanked by mail and counted."""

    name = "pledges"
    config = PledgesConfig

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        from changemaker_pledges.models import Pledge

        return [Pledge]

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        from changemaker_pledges.pages import PledgesPage
        from changemaker_pledges.resources import PledgesResource

        return [
            Route("/pledges", PledgesPage(site)),
            Route("/api/pledges", PledgesResource(site)),
        ]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry(Text("Pledges"), "/pledges")]

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        from changemaker_pledges.jobs import JOBS

        return JOBS

    @hookimpl
    def cm_register_metrics(self) -> list[Metric]:
        from changemaker_pledges.metrics import METRICS

        return METRICS

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        from changemaker_pledges.permissions import PERMISSIONS

        return PERMISSIONS

    @hookimpl
    def cm_register_roles(self) -> list[Role]:
        from changemaker_pledges.permissions import ROLES

        return ROLES
