"""Which queues there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.jobs import store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.jobs.site import JobSite


def known_queues(site: JobSite, names: Iterable[str]) -> list[str]:
    """The queues of the jobs of these ``names``, and those where older rows wait; sorted."""
    found = {job.queue for job in map(site.job, names) if job is not None}
    return sorted(found.union(site.db.sync.read(store.living_queues)))
