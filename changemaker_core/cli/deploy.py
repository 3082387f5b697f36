"""``changemaker deploy``: what stands around a site, derived from its routes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from changemaker_core.cli.common import opened_site, say, site_option
from changemaker_core.server.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core.config import Config
    from changemaker_core.deploy.files import GeneratedFile
    from changemaker_core.deploy.rules import Rule
    from changemaker_core.deploy.topology import Topology
    from changemaker_core.site import Site

    Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def deploy() -> None:
    """Write configuration for nginx, systemd or docker compose.

    It is derived from the site's plugins and routes: make it again when these change. Without
    --into it is printed.
    """


def _shared(command: Command) -> Command:
    """The options of every target."""
    for option in (
        click.option("--force", is_flag=True, help="Replace files that are there."),
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
            help="Plugins (a,b) that are served by a process of their own, and where.",
        ),
        site_option,
    ):
        command = option(command)
    return command


_upstreams = click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="HOST:PORT",
    help="Where the main process listens [127.0.0.1:4000]. Several share the work.",
)
_processes = click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Web processes of each service.",
)
_server_names = click.option(
    "--server-name", "server_names", multiple=True, help="The site's name [that of base_url]."
)


@deploy.command()
@_shared
@_upstreams
@_server_names
@click.option("--listen", multiple=True, help="Where nginx listens [80, or 443 for TLS].")
@click.option("--certificate", help="The file with the certificate's chain, for TLS.")
@click.option("--key", help="The file with the certificate's key.")
@click.option("--cache", help="A folder for copies of static files.")
@click.option("--no-cache", is_flag=True, help="Keep no copies of static files.")
def nginx(
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
    """An nginx server in front of the site: changemaker.conf."""
    from changemaker_core.deploy import nginx as target

    with opened_site() as site:
        topology, config = _topology(site, upstreams, splits), site.config
        rules = _rules(site, topology)
    try:
        front = target.Front(
            server_names=server_names or _own_name(config),
            listen=listen,
            certificate=certificate,
            key=key,
            cache=None if no_cache else cache or target.CACHE,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _hand_out(target.nginx(topology, rules, front, max_body=config.max_body_bytes), into, force)
    if not config.trusted_proxies:
        say("Set trusted_proxies to nginx's address: without it all visitors have that address.")


@deploy.command()
@_shared
@_upstreams
@_processes
@click.option("--user", default="changemaker", show_default=True, help="Whom to run as.")
def systemd(
    splits: tuple[str, ...],
    upstreams: tuple[str, ...],
    workers: int,
    user: str,
    into: Path | None,
    force: bool,
) -> None:
    """systemd services: changemaker.service, and one more for each split."""
    from changemaker_core.deploy import systemd as target

    with opened_site() as site:
        topology, config = _topology(site, upstreams, splits), site.config
    try:
        machine = target.Machine(
            site=config.site_dir,
            executable=Path(sys.executable).with_name("changemaker"),
            user=user,
            processes=workers,
            writable=_database_folder(config),
            queue=config.redis_url is not None,
        )
        files = target.systemd(topology, machine)
    except ValueError as error:
        raise Refusal(str(error)) from error
    _hand_out(files, into, force)


@deploy.command()
@_shared
@_processes
@_server_names
def compose(
    splits: tuple[str, ...],
    workers: int,
    server_names: tuple[str, ...],
    into: Path | None,
    force: bool,
) -> None:
    """Containers for docker compose: PostgreSQL, Valkey, web, worker and nginx."""
    from changemaker_core.deploy import compose as target

    with opened_site() as site:
        topology = target.in_containers(_topology(site, (), splits))
        files = target.compose(
            topology,
            _rules(site, topology),
            server_names=server_names or _own_name(site.config),
            packages=target.packages_of(site.loaded.plugins),
            processes=workers,
            max_body=site.config.max_body_bytes,
        )
    _hand_out(files, into, force)


def _topology(site: Site, upstreams: Sequence[str], splits: Sequence[str]) -> Topology:
    from changemaker_core.deploy.topology import TopologyRefused, parse

    plugins = [plugin.name for plugin in site.loaded.plugins if not plugin.core]
    try:
        return parse(upstreams, splits, plugins)
    except TopologyRefused as error:
        raise Refusal(str(error)) from error


def _rules(site: Site, topology: Topology) -> list[Rule]:
    from changemaker_core.deploy.rules import rules_of

    return rules_of(site.loaded.contributions("routes"), topology, site.config.max_body_bytes)


def _own_name(config: Config) -> tuple[str, ...]:
    return (urlsplit(config.base_url).hostname or "_",)


def _database_folder(config: Config) -> tuple[Path, ...]:
    """The folder of an SQLite database, where it is not in the site's own."""
    scheme, _, path = config.database_url.partition(":///")
    folder = Path(path).parent
    if scheme != "sqlite" or folder.is_relative_to(config.site_dir):
        return ()
    return (folder,)


def _hand_out(files: Sequence[GeneratedFile], into: Path | None, force: bool) -> None:
    """Print the files, or write them where they were asked for."""
    from changemaker_core.deploy.files import write

    if into is None:
        for file in files:
            if len(files) > 1:
                click.echo(f"# ==== {file.name}")
            click.echo(file.text, nl=False)
        return
    try:
        written = write(files, into, force=force)
    except FileExistsError as error:
        raise Refusal(f"{error} is there already; --force replaces it.") from error
    for path in written:
        say(f"Wrote {path}")
