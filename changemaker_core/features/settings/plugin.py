"""The manifest of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import (
    ImageUse,
    Permission,
    Plugin,
    Route,
    SealedValues,
    Text,
    hookimpl,
)
from changemaker_core.features.settings import checks, mailtest, pages, resources, services
from changemaker_core.features.settings.queries import all_versions
from changemaker_core.settings.own import OWN_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Check, Site


def images_in_use(site: Site) -> Iterator[str]:
    """Yield the pictures that settings show, or showed in a version that can be restored."""
    for row in site.db.sync.all(all_versions()):
        yield from (value for value in row.data.values() if isinstance(value, str))


class SettingsPlugin(Plugin):
    """What organisers change while the site runs, of core and of plugins."""

    name = "settings"
    requires = ("accounts", "mailtemplates", "operations")
    contributes = (
        *OWN_GROUPS,
        Permission(resources.READ, Text("See settings")),
        Permission(resources.WRITE, Text("Change settings")),
        mailtest.TEST_MAIL,
        SealedValues("settings.secrets", services.reseal),
        ImageUse("settings.images", images_in_use),
        Route("/api/settings", resources.GroupsResource()),
        Route("/api/settings/public", resources.PublicResource()),
        Route("/api/settings/images", resources.ImagesResource()),
        Route("/api/settings/{slug}", resources.GroupResource()),
        Route("/api/settings/{slug}/history", resources.HistoryResource()),
        Route("/api/settings/{slug}/rollback", resources.RollBackResource()),
        Route("/api/settings/{slug}/test", mailtest.MailTestResource()),
        Route("/colors/{slug}", pages.ColorsSheet()),
        Route("/privacy", pages.PrivacyPage()),
    )

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        return checks.checks()
