"""The states of jobs and plugins in words, with how each is shown."""

from __future__ import annotations

from typing import Final

from changemaker_admin.lists.declarations import Badge
from changemaker_core import Text

JOB_STATES: Final = {
    "queued": Badge(Text("Waiting")),
    "running": Badge(Text("Running"), "ok"),
    "at_risk": Badge(Text("Running, cannot be repeated"), "ok"),
    "done": Badge(Text("Done"), "ok"),
    "dead": Badge(Text("Failed"), "danger"),
    "unknown": Badge(Text("Outcome unknown"), "warn"),
    "cancelled": Badge(Text("Cancelled")),
}
PLUGIN_STATES: Final = {
    "loaded": Badge(Text("Loaded"), "ok"),
    "failed": Badge(Text("Cannot be loaded"), "danger"),
    "blocked": Badge(Text("Needs one that is not loaded"), "danger"),
    "denied": Badge(Text("Denied in the configuration")),
    "not_allowed": Badge(Text("Not allowed in the configuration")),
    "safe_mode": Badge(Text("Left out in safe mode"), "warn"),
}
