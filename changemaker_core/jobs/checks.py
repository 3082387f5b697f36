"""What ``changemaker doctor`` checks of jobs: queues that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.diagnostics import Check, Finding
from changemaker_core.jobs.held_queues.hold import REASONS, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("queues", check_holds, requires=("migrations",))]


def check_holds(site: Site) -> Iterator[Finding]:
    """Warn about queues that wait for an operator to release them."""
    held = site.db.sync.all(holds())
    for hold in held:
        since = f"{hold.since:%Y-%m-%d %H:%M} UTC"
        detail = f"{hold.queue} has been held since {since}. {REASONS[hold.reason]}"
        command = f"`changemaker --site {site.config.site_dir} queues release {hold.queue}`"
        yield Finding("warning", detail, f"Run {command}: it shows what is waiting and asks first.")
    if not held:
        yield Finding("ok", "No queue is held.")
