"""The manifest of the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import (
    Interval,
    Job,
    Permission,
    Plugin,
    Route,
    SealedValues,
    Text,
    hookimpl,
)
from changemaker_core.features.audit import checks, personal, resources, sealing, verifying

if TYPE_CHECKING:
    from changemaker_core import Check, Site


class AuditPlugin(Plugin):
    """What was changed on this site, by whom, when and from where."""

    name = "audit"
    requires = ("accounts",)
    contributes = (
        Permission(resources.READ, Text("See what was changed on this site, and by whom")),
        Job("audit.seal", sealing.seal_all, queue="audit", schedule=Interval(timedelta(minutes=1))),
        Job(verifying.JOB, verifying.verify_log),
        SealedValues("audit.chain", sealing.sign_again),
        personal.VALUES,
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        return resources.routes(site)

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        return checks.checks()
