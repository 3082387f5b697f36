"""The job runner of a site on a machine of its own: SITE_DIR LEASE_SECONDS."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from changemaker_core import Config, Site
from changemaker_core.jobs import run_jobs
from tests.bench.processes import READY


def main(folder: str, lease: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    site = Site(Config.load(Path(folder)))
    print(READY, flush=True)
    try:
        run_jobs(site, stop, lease=timedelta(seconds=float(lease)))
    finally:
        site.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
