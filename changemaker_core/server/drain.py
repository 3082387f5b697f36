"""The function that an RQ worker calls for a ticket, in a process of its own: ``drain(queue)``."""

from __future__ import annotations


def drain(queue: str) -> None:
    """Run the jobs that are due in ``queue`` and in the other queues of its worker.

    The site is that of ``CHANGEMAKER_SITE``, else of the working directory. This process opens it
    anew: threads and connections must not exist before RQ's worker forks.
    """
    from changemaker_core.shared.work_horse import run_ticket
    from changemaker_core.site import Site

    site = Site.load()
    try:
        run_ticket(site, queue, concurrency=site.config.jobs_concurrency)
    finally:
        site.close()
