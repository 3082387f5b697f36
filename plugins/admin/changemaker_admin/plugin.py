"""Admin: the manifest."""

from __future__ import annotations

from changemaker_admin.dashboard.pages import DashboardPage
from changemaker_admin.people import pages as people
from changemaker_admin.settings import routes as settings
from changemaker_core import NavigationEntry, Plugin, Route, Text


class AdminPlugin(Plugin):
    """The organisers' pages."""

    name = "admin"
    contributes = (
        Route("/admin", DashboardPage()),
        NavigationEntry(
            Text("Dashboard"), "/admin", order=0, permission="accounts.me.read", icon="home"
        ),
        *people.CONTRIBUTIONS,
        *settings.CONTRIBUTIONS,
    )
