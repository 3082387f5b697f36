"""The job that reminds people."""

from __future__ import annotations

from changemaker_core import JobRun
from changemaker_events import services


def remind(run: JobRun) -> None:
    """Enqueue reminders until there is none left to enqueue."""
    while run.write(services.remind):
        pass
