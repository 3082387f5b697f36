"""Admin: the manifest."""

from __future__ import annotations

from changemaker_admin.dashboard.pages import DashboardPage
from changemaker_core import Plugin, Route


class AdminPlugin(Plugin):
    """The organisers' pages."""

    name = "admin"
    contributes = (Route("/admin", DashboardPage()),)
