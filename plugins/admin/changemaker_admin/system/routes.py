"""The routes of the pages for operators, and their entries of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.system import backups, health, jobs, plugins, queues
from changemaker_core import NavigationEntry, Route, Text
from changemaker_core.features.operations import api

_JOB: Final = f"{jobs.PATH}/{{id}}"


def _entry(title: Text, path: str, order: int, permission: str, icon: str) -> NavigationEntry:
    return NavigationEntry(
        title, path, order=order, permission=permission, group="system", icon=icon
    )


CONTRIBUTIONS: Final = (
    Route(queues.PATH, queues.QueuesPage()),
    Route(f"{queues.PATH}/live", queues.LiveQueues()),
    Route(f"{queues.PATH}/{{slug}}/retry", queues.RetryFailedPage()),
    Route(_JOB, jobs.JobPage()),
    Route(f"{_JOB}/cancel", jobs.CancelPage()),
    Route(f"{_JOB}/retry", jobs.RetryPage()),
    Route(health.PATH, health.HealthPage()),
    Route(f"{health.PATH}/checks", health.ChecksPage()),
    Route(plugins.PATH, plugins.PluginsPage()),
    Route(f"{plugins.PATH}/{{slug}}", plugins.PluginPage()),
    Route(backups.PATH, backups.BackupsPage()),
    _entry(Text("Health"), health.PATH, 100, api.READ_HEALTH, "pulse"),
    _entry(Text("Queues"), queues.PATH, 110, api.JOBS_READ, "queue"),
    _entry(Text("Plugins"), plugins.PATH, 130, api.READ_HEALTH, "puzzle"),
    _entry(Text("Backups"), backups.PATH, 140, api.BACKUPS_READ, "archive"),
)
