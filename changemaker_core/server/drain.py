"""What RQ calls for a ticket, in a process of its own: ``drain(queue)``."""

from __future__ import annotations


def drain(queue: str) -> int:
    """Run what is due in ``queue`` of the site in ``CHANGEMAKER_SITE``, else the working directory.

    Answers how many runs there were. The site, its threads and its connections are this process's
    own: nothing of them may exist before RQ's worker forks.
    """
    from changemaker_core.config import Config
    from changemaker_core.shared.horse import work_off
    from changemaker_core.site import Site

    site = Site(Config.load())
    try:
        return work_off(site, queue)
    finally:
        site.close()
