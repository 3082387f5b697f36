"""A job runner of a site with influence, for tests that kill it: SITE_DIR DATABASE_URL SMTP_URL."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from changemaker_core import Config, Site
from changemaker_core.jobs import run_jobs
from changemaker_influence.plugin import InfluencePlugin
from tests.bench.processes import READY

#: A job whose runner is gone for so long is taken over, or unknown.
LEASE = timedelta(seconds=2)


def main(site_dir, database_url, smtp_url):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config = Config.for_tests(
        Path(site_dir),
        database_url=database_url,
        smtp_url=smtp_url,
        plugin_tables={"influence": {"directory": "file"}},
    )
    site = Site(config, [InfluencePlugin])
    print(READY, flush=True)
    try:
        run_jobs(site, stop, lease=LEASE)
    finally:
        site.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
