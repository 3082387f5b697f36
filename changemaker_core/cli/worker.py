"""``changemaker worker``: an RQ worker, which runs due jobs when a ticket arrives."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import FOLDER_VARIABLE, existing_site, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


@click.command()
@site_option
@click.option("--queues", default="", help="Queues, separated by commas [default: all].")
@click.option("--burst", is_flag=True, help="Stop when there are no more tickets.")
def worker(queues: str, burst: bool) -> None:
    """Run the site's jobs, on this or any other machine, until SIGTERM or Ctrl-C.

    Requires redis_url. Start as many workers as the load needs. After a signal, the current job
    gets 10 seconds to finish; a second signal stops at once. While Redis is down, workers wait.
    """
    from changemaker_core.config import Config
    from changemaker_core.config.site_files import keep_private
    from changemaker_core.server import logs
    from changemaker_core.server.priority import lower_priority

    folder = existing_site()
    keep_private()
    config, problems = Config.read(folder)
    logs.start_log(config)
    if problems:
        _chosen(folder, [])  # reports these and the plugins' together
    url = config.redis_url
    if url is None:
        raise CommandError(
            "redis_url is not set, so no jobs would reach this worker.\n"
            "Set it, or let `changemaker serve` run the jobs."
        )
    lower_priority(config.jobs_niceness)
    chosen = _chosen(folder, [name.strip() for name in queues.split(",") if name.strip()])
    os.environ[FOLDER_VARIABLE] = str(folder)  # read by the processes that run jobs
    log.info("running jobs of %s, queues: %s", folder, ", ".join(chosen))

    from changemaker_core.shared.worker import run_worker

    run_worker(url, chosen, burst=burst)
    if not burst:
        log.info("stopped")


def _chosen(folder: Path, wanted: list[str]) -> list[str]:
    """Return the wanted queues, by default all. Raise ``CommandError`` for an unknown one.

    Loading the site here reports its problems once, at the start, and imports every module before
    RQ forks the processes that run jobs.
    """
    from changemaker_core.jobs import known_queues
    from changemaker_core.server.loading import load_site
    from changemaker_core.server.spec import ProcessSpec

    site = load_site(ProcessSpec(kind="jobs", site=str(folder)))
    try:
        known = known_queues(site, site.job_names())
    finally:
        site.close()
    if unknown := set(wanted).difference(known):
        names = ", ".join(map(repr, sorted(unknown)))
        raise CommandError(f"No queue is called {names}. The site has {', '.join(known)}.")
    return wanted or known
