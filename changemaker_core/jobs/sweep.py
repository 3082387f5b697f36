"""Jobs that passed their point of no return and were then heard of no more."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from changemaker_core.jobs import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from changemaker_core.db import Tx
    from changemaker_core.jobs.site import JobSite
    from changemaker_core.jobs.store import Expired

log = logging.getLogger(__name__)


def sweep(site: JobSite, jobs: Iterable[Expired], lease: timedelta) -> None:
    """Mark them unknown, each in a transaction with the plugin's rows.

    One whose ``on_unknown`` raises is left as it was and looked at again after a lease's length.
    """
    for job in jobs:
        try:
            site.db.sync.write(_abandon, site, job)
        except Exception:
            log.exception("job %s (%s): on_unknown failed", job.name, job.id)
            site.db.sync.write(_postpone, job, lease)


def _abandon(tx: Tx, site: JobSite, job: Expired) -> None:
    if not store.abandon(tx, job, "its process ended after the point of no return"):
        return  # renewed or settled meanwhile
    known = site.job(job.name)
    if known is not None and known.on_unknown is not None:
        known.on_unknown(tx, **job.payload)


def _postpone(tx: Tx, job: Expired, lease: timedelta) -> None:
    store.postpone(tx, job, tx.now + lease)
