"""``changemaker demo``: creates a demonstration site and serves it from one process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import PORT, say
from changemaker_core.cli.creating.init import DEFAULT_ADMIN
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.app import App
    from changemaker_core.config import Config


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 for every address of this machine.",
)
@click.option("--port", type=PORT, default=4000, show_default=True, help="0 chooses a free one.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-site"),
    show_default=True,
    help="The folder of the demonstration site.",
)
def demo(host: str, port: int, folder: Path) -> None:
    """Create a demonstration site and serve it until Ctrl-C. A second run serves it again.

    Mail is saved to a folder, and shown on a page whose secret link is printed: nothing is sent.
    With --host, others in its network can visit the site.
    """
    from changemaker_core.config.site_files import keep_private
    from changemaker_core.config.urls import is_public_host
    from changemaker_core.server import logs
    from changemaker_core.server.listening import address_of, listen

    if is_public_host(host):
        raise CommandError(
            f"{host} is a public address; a demonstration is for this machine and its network.\n"
            "Make a site for the public with `changemaker init`."
        )
    keep_private()
    logs.log_warnings()
    listening = listen(host, port)
    address = address_of(listening)
    folder = folder.absolute()
    if (folder / "changemaker.toml").exists():
        sign_in = (
            f"  This is the site that was already in {folder}; its password was shown\n"
            "  when it was created. To start again, delete that folder."
        )
    else:
        sign_in = _create(folder, address)

    from changemaker_core.features.operations.mailbox_link import mailbox_link

    config = _configuration(folder, address)
    mailbox = mailbox_link(config, address)

    def announce() -> None:
        click.echo(f"\n  Changemaker is running at {address}")
        if mailbox is not None:
            click.echo(f"  Mail that it sends: {mailbox}")
        click.echo(f"\n{sign_in}\n\n  Press Ctrl-C to stop.")

    from changemaker_core.server.web import serve_app

    serve_app(_app(config), listening, started=announce)
    say("Stopped.")


def _app(config: Config) -> App:
    """Return the application with its job runner, after applying missing migrations."""
    from changemaker_core.app import create_app
    from changemaker_core.db import migrations

    app = create_app(config, run_jobs=True)
    migrations.apply(app.site.db, app.site.migration_folders())
    return app


def _create(folder: Path, address: str) -> str:
    from changemaker_core.cli.creating import newsite

    new = newsite.NewSite(
        folder=folder,
        organisation="Neighbours for Clean Water",
        admin_email=DEFAULT_ADMIN,
        base_url=address,
        development=True,
        demo=True,
    )
    password = newsite.create(new)
    return f"  Administrator: {new.admin_email}\n  Password (shown only once): {password}"


def _configuration(folder: Path, address: str) -> Config:
    """Return the configuration, with the address that this run listens on."""
    from changemaker_core.config import Config

    return Config.load(folder, {"CHANGEMAKER_BASE_URL": address, **os.environ})
