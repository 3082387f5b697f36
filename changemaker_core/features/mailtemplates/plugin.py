"""The manifest of mail templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Permission, Plugin, Route, Text, hookimpl
from changemaker_core.features.mailtemplates import checks, jobs, models, resources
from changemaker_core.features.mailtemplates.personal import AUTHORS

if TYPE_CHECKING:
    from changemaker_core import Check, Site

_ONE = "/api/mail-templates/{slug}/{language}"


class MailTemplatesPlugin(Plugin):
    """The texts of a site's mail, which organisers edit."""

    name = "mailtemplates"
    requires = ("accounts",)
    errors = resources.ERRORS
    contributes = (
        models.Version,
        Permission(resources.READ, Text("See the texts of the site’s mail")),
        Permission(resources.WRITE, Text("Change the texts of the site’s mail")),
        *jobs.JOBS,
        AUTHORS,
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        return [
            Route("/api/mail-templates", resources.MailTemplatesResource(site)),
            Route(_ONE, resources.MailTemplateResource(site)),
            Route(f"{_ONE}/versions", resources.VersionsResource(site)),
            Route(f"{_ONE}/versions/{{number}}", resources.VersionResource(site)),
            Route(f"{_ONE}/rollback", resources.RollbackResource(site)),
            Route(f"{_ONE}/preview", resources.PreviewResource(site)),
            Route(f"{_ONE}/test", resources.SendTestResource(site)),
        ]

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        return checks.checks()
