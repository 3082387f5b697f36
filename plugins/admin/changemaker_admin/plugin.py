"""Admin: the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.audit import declarations as audit
from changemaker_admin.bulk import declarations as bulk
from changemaker_admin.dashboard import pages as dashboard
from changemaker_admin.keys import declarations as keys
from changemaker_admin.mailtemplates import routes as mail_templates
from changemaker_admin.people import pages as people
from changemaker_admin.queues import holding
from changemaker_admin.roles import declarations as roles
from changemaker_admin.settings import routes as settings
from changemaker_admin.system import routes as system
from changemaker_admin.team import declarations as team
from changemaker_admin.webhooks import declarations as webhooks
from changemaker_core import Plugin, hookimpl

if TYPE_CHECKING:
    from changemaker_admin.declarations import AdminScreen
    from changemaker_core import Site


class AdminPlugin(Plugin):
    """The organisers' pages."""

    name = "admin"
    contributes = (
        *dashboard.CONTRIBUTIONS,
        *bulk.CONTRIBUTIONS,
        *people.CONTRIBUTIONS,
        *holding.ROUTES,
        *settings.CONTRIBUTIONS,
        *mail_templates.CONTRIBUTIONS,
        *system.CONTRIBUTIONS,
        *team.CONTRIBUTIONS,
        *roles.CONTRIBUTIONS,
        *keys.CONTRIBUTIONS,
        *webhooks.CONTRIBUTIONS,
        *audit.CONTRIBUTIONS,
    )

    @hookimpl
    def admin_register_screens(self, site: Site) -> list[AdminScreen]:
        from changemaker_admin.audit.screen import SCREEN as AUDIT_LOG
        from changemaker_admin.keys.screen import keys_screen
        from changemaker_admin.system.jobs import JOBS
        from changemaker_admin.team.people import people_screen
        from changemaker_admin.webhooks.screens import DELIVERIES, WEBHOOKS

        return [people_screen(site), keys_screen(site), WEBHOOKS, DELIVERIES, AUDIT_LOG, JOBS]
