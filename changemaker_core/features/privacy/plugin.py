"""The manifest of privacy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Permission, Plugin, Route, Text, hookimpl
from changemaker_core.features.privacy import checks, resources, retention
from changemaker_core.features.privacy.config import PrivacyConfig
from changemaker_core.features.privacy.of_core import personal_data

if TYPE_CHECKING:
    from changemaker_core import Check, PersonalData, Site


class PrivacyPlugin(Plugin):
    """What is stored about people: exported, erased, and kept no longer than it is needed."""

    name = "privacy"
    requires = ("accounts", "operations")
    config = PrivacyConfig
    contributes = (
        Permission(resources.READ, Text("See which kinds of personal data the site stores")),
        Permission(resources.EXPORT, Text("Export the personal data of one person")),
        Permission(resources.ERASE, Text("Erase the personal data of one person")),
        *retention.JOBS,
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        retention.check_days(site)
        return [
            Route("/api/privacy/kinds", resources.KindsResource(site)),
            Route("/api/privacy/export", resources.ExportResource(site)),
            Route("/api/privacy/erase", resources.EraseResource(site)),
        ]

    @hookimpl
    def privacy_register_personal_data(self, site: Site) -> list[PersonalData]:
        return personal_data(site)

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        return checks.checks()
