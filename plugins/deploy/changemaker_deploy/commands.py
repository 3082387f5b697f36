"""``changemaker deploy``: configuration for the programs around a site, derived from its routes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from changemaker_core.cli import CommandError, pass_site, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core import Config, Site
    from changemaker_deploy.files import GeneratedFile
    from changemaker_deploy.locations import Location
    from changemaker_deploy.topology import Topology

    Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def deploy() -> None:
    """Write configuration for nginx, systemd, docker compose, Prometheus or Grafana.

    It is derived from the site's plugins and routes: run the command again when they change.
    Without --into it is printed.
    """


def _shared_options(command: Command) -> Command:
    for option in (
        click.option("--force", is_flag=True, help="Replace existing files."),
        click.option(
            "--into",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write files into this folder instead of printing them.",
        ),
        click.option(
            "--split",
            "splits",
            multiple=True,
            metavar="PLUGINS[=ADDRESSES]",
            help="Plugins (a,b) with processes of their own, and where these listen.",
        ),
        pass_site,
    ):
        command = option(command)  # type: ignore[assignment]  # pass_site takes one argument away
    return command


_upstreams = click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="HOST:PORT",
    help="Where the main processes listen [127.0.0.1:4000]; several share the load.",
)
_processes = click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Web processes of each service.",
)
_drains = click.option(
    "--drain",
    "drains",
    multiple=True,
    metavar="[PLUGIN=]SECONDS",
    help="How long requests in progress may go on at a stop [drain_seconds], such as uploads.",
)
_server_names = click.option(
    "--server-name", "server_names", multiple=True, help="The site's host name [from base_url]."
)


@deploy.command()
@_shared_options
@_upstreams
@_server_names
@click.option("--listen", multiple=True, help="Where nginx listens [80, or 443 with TLS].")
@click.option("--certificate", help="The file with the certificate chain, for TLS.")
@click.option("--key", help="The file with the certificate's key.")
@click.option("--cache", help="A folder for cached static files.")
@click.option("--no-cache", is_flag=True, help="Cache no static files.")
def nginx(
    site: Site,
    splits: tuple[str, ...],
    upstreams: tuple[str, ...],
    server_names: tuple[str, ...],
    listen: tuple[str, ...],
    certificate: str | None,
    key: str | None,
    cache: str | None,
    no_cache: bool,
    into: Path | None,
    force: bool,
) -> None:
    """Write an nginx server in front of the site: changemaker.conf."""
    from changemaker_deploy import nginx as target

    topology, config = _topology(site, upstreams, splits), site.config
    locations = _locations(site, topology)
    try:
        server = target.VirtualServer(
            server_names=server_names or _own_name(config),
            listen=listen,
            certificate=certificate,
            key=key,
            cache=None if no_cache else cache or target.DEFAULT_CACHE,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    folder = config.site_dir / "data" if config.nginx_files else None
    files = target.nginx(
        topology,
        locations,
        server,
        max_body=config.max_body_bytes,
        files=folder,
        metrics=config.metrics_token is not None,
    )
    _output(files, into, force)
    if not config.trusted_proxies:
        say("Set trusted_proxies to nginx's address: without it, all visitors share that address.")


@deploy.command()
@_shared_options
@_upstreams
@_processes
@_drains
@click.option("--user", default="changemaker", show_default=True, help="The account to run as.")
@click.option(
    "--memory",
    help="The most memory that each service may use, such as 2G, or a share of the machine's "
    "[60% for all of them together].",
)
@click.option(
    "--backups",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the nightly backups [backups, beside the site's folder].",
)
def systemd(
    site: Site,
    splits: tuple[str, ...],
    upstreams: tuple[str, ...],
    workers: int,
    drains: tuple[str, ...],
    user: str,
    memory: str | None,
    backups: Path | None,
    into: Path | None,
    force: bool,
) -> None:
    """Write systemd services.

    changemaker.service, one more for each split, a worker's where redis_url is set, and a backup
    each night.
    """
    from changemaker_deploy import systemd as target

    topology, config = _topology(site, upstreams, splits, drains), site.config
    try:
        installation = target.Installation(
            site=config.site_dir,
            executable=Path(sys.executable).with_name("changemaker"),
            user=user,
            processes=workers,
            writable=_database_folder(config),
            worker=config.redis_url is not None,
            drain=config.drain_seconds,
            memory=memory,
            backups=backups and backups.absolute(),
        )
        files = target.systemd(topology, installation)
    except ValueError as error:
        raise CommandError(str(error)) from error
    _output(files, into, force)


@deploy.command()
@_shared_options
@_processes
@_drains
@_server_names
def compose(
    site: Site,
    splits: tuple[str, ...],
    workers: int,
    drains: tuple[str, ...],
    server_names: tuple[str, ...],
    into: Path | None,
    force: bool,
) -> None:
    """Write a docker compose project.

    Its services are PostgreSQL, Valkey, web processes, a worker and nginx.
    """
    from changemaker_deploy import compose as target

    topology = target.container_topology(_topology(site, (), splits, drains))
    files = target.compose(
        topology,
        _locations(site, topology),
        server_names=server_names or _own_name(site.config),
        packages=target.requirements_of(site.plugins()),
        processes=workers,
        max_body=site.config.max_body_bytes,
        drain=site.config.drain_seconds,
        metrics=site.config.metrics_token is not None,
    )
    _output(files, into, force)


@deploy.command()
@_shared_options
@_upstreams
@click.option("--guides", help="Where you publish the guides: alerts and panels link to them.")
def prometheus(
    site: Site,
    splits: tuple[str, ...],
    upstreams: tuple[str, ...],
    guides: str | None,
    into: Path | None,
    force: bool,
) -> None:
    """Write a Prometheus scrape configuration, alert rules, and a Grafana dashboard."""
    from changemaker_deploy.monitoring import dashboard as grafana
    from changemaker_deploy.monitoring import prometheus as target
    from changemaker_deploy.monitoring.runbooks import Guides

    topology, config, published = _topology(site, upstreams, splits), site.config, Guides(guides)
    metrics = site.metrics.declared
    files = target.prometheus(
        topology,
        published,
        site=_own_name(config)[0],
        metrics={metric.name for each in metrics.values() for metric in each},
        replicas=bool(config.read_urls),
        token=config.metrics_token is not None,
    )
    board = grafana.dashboard(metrics, published, replicas=bool(config.read_urls))
    _output([*files, board], into, force)
    if config.metrics_token is None:
        say(
            "Set metrics_token, and write the files again: without it, Prometheus reads metrics "
            "only from an address in metrics_access that is no proxy's."
        )


def _topology(
    site: Site, upstreams: Sequence[str], splits: Sequence[str], drains: Sequence[str] = ()
) -> Topology:
    from changemaker_deploy.topology import InvalidTopology, parse_topology

    plugins = [plugin.name for plugin in site.plugins() if not plugin.core]
    try:
        return parse_topology(upstreams, splits, plugins).with_drains(drains)
    except InvalidTopology as error:
        raise CommandError(str(error)) from error


def _locations(site: Site, topology: Topology) -> list[Location]:
    from changemaker_deploy.locations import locations_of

    return locations_of(site.routes(), topology, site.config.max_body_bytes)


def _own_name(config: Config) -> tuple[str, ...]:
    return (urlsplit(config.base_url).hostname or "_",)


def _database_folder(config: Config) -> tuple[Path, ...]:
    """The folder of an SQLite database that is outside of the site's own folder."""
    scheme, _, path = config.database_url.partition(":///")
    folder = Path(path).parent
    if scheme != "sqlite" or folder.is_relative_to(config.site_dir):
        return ()
    return (folder,)


def _output(files: Sequence[GeneratedFile], into: Path | None, force: bool) -> None:
    """Print the files, or write them into a folder."""
    from changemaker_deploy.files import write

    if into is None:
        for file in files:
            if len(files) > 1:
                click.echo(f"# ==== {file.name}")
            click.echo(file.text, nl=False)
        return
    try:
        written = write(files, into, force=force)
    except FileExistsError as error:
        raise CommandError(f"{error} already exists; --force replaces it.") from error
    for path in written:
        say(f"Wrote {path}")
