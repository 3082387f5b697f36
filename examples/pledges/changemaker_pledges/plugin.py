"""Pledges: the manifest."""

from __future__ import annotations

from changemaker_core import Job, Metric, NavigationEntry, Plugin, Route, Text
from changemaker_pledges import jobs, pages, permissions, personal, queries, resources
from changemaker_pledges.config import PledgesConfig
from changemaker_pledges.models import Pledge


class PledgesPlugin(Plugin):
    """People promise to come to a meeting, are thanked by mail and counted."""

    name = "pledges"
    config = PledgesConfig
    contributes = (
        Pledge,
        *permissions.PERMISSIONS,
        *permissions.ROLES,
        Route("/pledges", pages.PledgesPage()),
        Route("/api/pledges", resources.PledgesResource()),
        NavigationEntry(Text("Pledges"), "/pledges"),
        Job("pledges.thank", jobs.thank, queue="mail"),
        jobs.THANKS,
        personal.PLEDGES,
        Metric("cm_pledges", "People who have pledged", "gauge", read=queries.count_pledges),
    )
