"""What ``changemaker doctor`` checks of jobs: held queues, and jobs that nothing runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.diagnostics import Check, Finding
from changemaker_core.jobs.held_queues.hold import REASONS, holds
from changemaker_core.jobs.queries import queue_depths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("queues", check_queues, requires=("migrations",))]


def check_queues(site: Site) -> Iterator[Finding]:
    """Warn about queues that are held, and about others with jobs an hour overdue."""
    held = site.db.sync.all(holds())
    for hold in held:
        since = f"{hold.since:%Y-%m-%d %H:%M} UTC"
        note = f" {hold.note.rstrip('.')}." if hold.note else ""
        detail = f"{hold.queue} has been held since {since}. {REASONS[hold.reason]}{note}"
        command = f"`changemaker --site {site.config.site_dir} queues release {hold.queue}`"
        fix = f"Run {command}: it shows the waiting jobs, then asks."
        if hold.retry_at is not None:
            detail += (
                f" One job is tried at {hold.retry_at:%H:%M} UTC, and releases it if it succeeds."
            )
            fix = f"Remove the cause, then wait, or run {command}."
        yield Finding("warning", detail, fix)
    limit, expected = site.clock() - timedelta(hours=1), {hold.queue for hold in held}
    for depth in site.db.sync.all(queue_depths()):
        if depth.state == "queued" and depth.oldest < limit and depth.queue not in expected:
            detail = f"No process runs the jobs of {depth.queue}, due since"
            fix = "Start `changemaker serve`, or a `changemaker worker` for this queue."
            yield Finding("warning", f"{detail} {depth.oldest:%Y-%m-%d %H:%M} UTC.", fix)
    if not held:
        yield Finding("ok", "No queue is held.")
