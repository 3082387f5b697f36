"""``changemaker worker``: an RQ worker, which looks into the outbox when a ticket says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import FOLDER_VARIABLE, existing_site, say, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@site_option
@click.option("--queues", default="", help="Names with commas between them; without it, all.")
@click.option("--burst", is_flag=True, help="End when there are no more tickets.")
def worker(queues: str, burst: bool) -> None:
    """Do the site's jobs, on this machine or any other, until SIGTERM or Ctrl-C.

    Needs redis_url. Start as many as there is work for. What a worker has begun gets 10 seconds to
    finish; a second signal waits for nothing. While Redis is away the worker waits for it.
    """
    from changemaker_core.config import Config
    from changemaker_core.server import logs
    from changemaker_core.server.priority import lower_priority

    folder = existing_site()
    config = Config.load(folder)
    url = config.redis_url
    if url is None:
        raise CommandError(
            "redis_url is not set, so nobody would tell this worker of jobs.\n"
            "Set it, or let `changemaker serve` do the jobs."
        )
    logs.log_json()
    lower_priority(config.jobs_niceness)
    chosen = _chosen(folder, [name.strip() for name in queues.split(",") if name.strip()])
    os.environ[FOLDER_VARIABLE] = str(folder)  # for the work horses
    say(f"Working for {folder}, queues {', '.join(chosen)}")

    from changemaker_core.shared.worker import run_worker

    run_worker(url, chosen, burst=burst)


def _chosen(folder: Path, wanted: list[str]) -> list[str]:
    """The queues to work for, those of the site. Raises ``CommandError`` where one is unknown.

    Loads the site with all of its plugins and checks its database, so that what is wrong is said
    once and at the start, and so that work horses find every module imported.
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
        raise CommandError(
            f"There is no queue {', '.join(sorted(unknown))}; the site has {', '.join(known)}."
        )
    return wanted or known
