"""``changemaker serve``: web processes and a job runner under one supervisor.

``changemaker_core.server`` describes how the processes start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from changemaker_core.cli.common import PORT, existing_site, site_option

if TYPE_CHECKING:
    from changemaker_core.config import Config

log = logging.getLogger(__name__)


def _names(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """``--only a,b --only c`` names three plugins."""
    return tuple(name.strip() for names in value for name in names.split(",") if name.strip())


def _workers(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    from changemaker_core.server.capacity import MOST_WORKERS, usable_processors

    if value == "auto":
        return usable_processors()
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MOST_WORKERS:
        raise click.BadParameter(f"{value!r} is neither auto nor a number from 1 to {MOST_WORKERS}")
    return int(value)


def _size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    from changemaker_core.server.capacity import parse_size, resident_memory

    if value is None:
        return None
    if resident_memory(os.getpid()) is None:
        raise click.BadParameter("this system does not say how much memory a process uses")
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@site_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=PORT, default=4000, show_default=True, help="0 chooses a free one.")
@click.option(
    "--workers",
    metavar="N|auto",
    callback=_workers,
    default="1",
    show_default=True,
    help="Web processes; auto: one for each processor.",
)
@click.option(
    "--max-memory",
    metavar="SIZE",
    callback=_size,
    help="Replace a web process that uses more memory, such as 512M, after its requests.",
)
@click.option(
    "--reload", is_flag=True, help="Replace the processes when code or a template changes."
)
@click.option("--only", multiple=True, callback=_names, help="Mount only these plugins (and core).")
@click.option(
    "--except", "except_", multiple=True, callback=_names, help="Mount all plugins but these."
)
@click.option(
    "--runner/--no-runner",
    default=None,
    help="Run jobs here too [default: unless redis_url is set and workers run them].",
)
@click.option(
    "--drain",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long requests in progress may go on after a signal [drain_seconds, else 8].",
)
@click.option("--safe-mode", is_flag=True, help="Load core only, to work around broken plugins.")
def serve(
    host: str,
    port: int,
    workers: int,
    max_memory: int | None,
    reload: bool,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    runner: bool | None,
    drain: int | None,
    safe_mode: bool,
) -> None:
    """Serve the site and run its jobs until SIGTERM or Ctrl-C.

    After a signal, requests and the current job get 8 seconds to finish, or requests those of
    --drain; a second signal stops at once. A process that dies is replaced. SIGHUP replaces every
    process, one after another and without refusing a connection; the new ones read the
    configuration again. --reload does so whenever a file of the site changes, or of a plugin that
    is not installed.

    With redis_url, `changemaker worker` runs the jobs, and this command notifies the workers. With
    --runner it runs jobs as well, even while Redis is down.
    """
    from changemaker_core.config import Config
    from changemaker_core.server.listening import address_of, listen
    from changemaker_core.server.logs import start_log
    from changemaker_core.server.spec import DRAIN_SECONDS, ProcessSpec
    from changemaker_core.server.supervisor import Supervisor

    folder = existing_site()
    # A wrong configuration is reported by the first process that loads the site.
    config, _ = Config.read(folder)
    start_log(config)
    if only and except_:
        raise click.UsageError("--only and --except cannot be used together.")
    if reload and workers > 1:
        raise click.UsageError("--reload is for one web process: leave --workers out.")
    listening = listen(host, port)
    web = ProcessSpec(
        kind="web",
        site=str(folder),
        only=only,
        except_=except_,
        safe_mode=safe_mode,
        drain=config.drain_seconds if drain is None else drain,
        reload=reload,
        socket=listening.fileno(),
    )
    runs_jobs = config.redis_url is None if runner is None else runner
    runner_spec = replace(web, kind="jobs", socket=-1, drain=DRAIN_SECONDS, reload=False)
    jobs = [runner_spec] if runs_jobs else []
    address = address_of(listening)
    supervisor = Supervisor(
        [*[web] * workers, *jobs],
        listening=listening,
        announce=lambda: _announce(config, address),
        warn=log.warning,
        max_memory=max_memory,
    )
    status = asyncio.run(supervisor.run())
    # NOTE(exit): everything is closed. To take the interpreter apart would take as long as the rest
    # of a stop, on a busy machine, and there are no plugins here that wait for it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _announce(config: Config, address: str) -> None:
    from changemaker_core.features.operations.mailbox_link import mailbox_link

    click.echo(f"Serving {config.site_dir} at {address}")
    if _leads_elsewhere(config.base_url, address):
        wanted = f"write base_url = {address!r}, or use its port."
        log.warning("links in mail lead to %s: %s", config.base_url, wanted)
    if (mailbox := mailbox_link(config, address)) is not None:
        click.echo(f"Mail that it sends: {mailbox}")
    if config.smtp_url is None and not config.development:
        # Supporters read that their message was sent; the operator must know that it was not.
        log.warning(
            "No mail leaves this site, unless the settings name a mail server: smtp_url is not "
            "set. Until then mail is saved to the folder data/mail."
        )


def _leads_elsewhere(base_url: str, address: str) -> bool:
    """Return whether a site for this machine alone has another port in its links."""
    wanted, served = urlsplit(base_url), urlsplit(address)
    return wanted.hostname in ("127.0.0.1", "localhost") and wanted.port != served.port
