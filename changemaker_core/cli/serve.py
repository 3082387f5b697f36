"""``changemaker serve``: web processes and a job runner under one supervisor.

How the processes start is told in ``changemaker_core.server``.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import existing_site, say, site_option

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.config import Config


def _names(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """``--only a,b --only c`` names three plugins."""
    return tuple(name.strip() for names in value for name in names.split(",") if name.strip())


@click.command()
@site_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=4000, show_default=True, help="0 chooses a free one.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Web processes."
)
@click.option("--only", multiple=True, callback=_names, help="Mount these plugins alone.")
@click.option("--except", "except_", multiple=True, callback=_names, help="Mount all but these.")
@click.option(
    "--runner/--no-runner",
    default=None,
    help="Do jobs here too. By default only where no redis_url says that workers do them.",
)
@click.option("--safe-mode", is_flag=True, help="Load core alone, beside broken plugins.")
def serve(
    host: str,
    port: int,
    workers: int,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    runner: bool | None,
    safe_mode: bool,
) -> None:
    """Serve the site and do its jobs until SIGTERM or Ctrl-C.

    Requests and the current job get 10 seconds to finish; a second signal waits for nothing. A
    process that dies is replaced. SIGHUP replaces each process by a new one, without refusing a
    connection, which also reads the configuration again.

    Where redis_url is set, `changemaker worker` does the jobs, and this command tells the workers
    of them. With --runner it does jobs beside them, even while Redis is away.
    """
    from changemaker_core.server.listening import address_of, listen
    from changemaker_core.server.spec import ProcessSpec
    from changemaker_core.server.supervisor import Supervisor

    folder = existing_site()
    config = _configuration(folder)
    if only and except_:
        raise click.UsageError("--only and --except exclude each other.")
    listening = listen(host, port)
    web = ProcessSpec(
        kind="web",
        site=str(folder),
        only=only,
        except_=except_,
        safe_mode=safe_mode,
        socket=listening.fileno(),
    )
    runs_jobs = config.redis_url is None if runner is None else runner
    jobs = [replace(web, kind="jobs", socket=-1)] if runs_jobs else []
    address = address_of(listening)
    supervisor = Supervisor(
        [*[web] * workers, *jobs],
        listening=listening,
        announce=lambda: _announce(config, address),
        warn=say,
    )
    sys.exit(asyncio.run(supervisor.run()))


def _configuration(folder: Path) -> Config:
    """The configuration as far as it can be read. What is wrong with it is said by the first
    process that loads the site."""
    from changemaker_core.config import Config

    return Config.read(folder)[0]


def _announce(config: Config, address: str) -> None:
    click.echo(f"Serving {config.site_dir} at {address}")
    if config.smtp_url is None and not config.development:
        # Supporters are told that their message was sent, so the operator must know better.
        say("No mail leaves this site: smtp_url is not set. It is kept in the folder data/mail.")
