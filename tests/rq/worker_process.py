"""A worker process for tests that kill it: DATABASE_URL SMTP_URL REDIS_URL [TICK_SECONDS].

Its site and its jobs are those of the runner process of ``tests/jobs``, which must be on the path
beside this folder. Work horses import this module and call ``drain``.
"""

from __future__ import annotations

import os
import sys

from runner_process import LEASE, Sender, make_site

from changemaker_core.shared.work_horse import run_ticket
from changemaker_core.shared.worker import run_worker

#: What a work horse needs.
VARIABLES = ("TEST_DATABASE_URL", "TEST_SMTP_URL", "TEST_TICK_SECONDS")


def drain(queue: str) -> None:
    database_url, smtp_url, tick_seconds = (os.environ[name] for name in VARIABLES)
    sender = Sender(smtp_url)
    site = make_site(database_url, sender, tick_seconds)
    try:
        run_ticket(site, queue, lease=LEASE)
    finally:
        sender.transport.close()
        site.db.close()


def main(database_url: str, smtp_url: str, redis_url: str, tick_seconds: str = "") -> None:
    os.environ.update(zip(VARIABLES, (database_url, smtp_url, tick_seconds), strict=True))
    run_worker(redis_url, ["mail", "notes"])


if __name__ == "__main__":
    main(*sys.argv[1:])
