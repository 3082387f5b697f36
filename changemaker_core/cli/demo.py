"""``changemaker demo``: a demonstration site in one process, from nothing to an address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.init import DEFAULT_ADMIN

if TYPE_CHECKING:
    from changemaker_core.app import App
    from changemaker_core.config import Config


@click.command()
@click.option("--port", default=4000, show_default=True, help="0 chooses a free one.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-site"),
    show_default=True,
    help="Where the demonstration site is kept.",
)
def demo(port: int, folder: Path) -> None:
    """Make a demonstration site and serve it until Ctrl-C; a second run serves the same again.

    Mail is kept in a folder and shown on a page: nothing leaves this machine.
    """
    from changemaker_core.server import logs
    from changemaker_core.server.listening import address_of, listen

    logs.log_text()
    listening = listen("127.0.0.1", port)
    address = address_of(listening)
    folder = folder.absolute()
    sign_in = _reused(folder) if (folder / "changemaker.toml").exists() else _made(folder, address)

    def announce() -> None:
        click.echo(f"\n  Changemaker is at {address}")
        click.echo(f"  Mail that it sends: {address}/mailbox")
        click.echo(f"\n{sign_in}\n\n  Ctrl-C stops it.")

    from changemaker_core.server.web import serve_app

    serve_app(_app(_configuration(folder, address)), listening, started=announce)


def _app(config: Config) -> App:
    """The application with its job runner; a site of an older version is brought up to date."""
    from changemaker_core.app import create_app
    from changemaker_core.db import migrations

    app = create_app(config, run_jobs=True)
    migrations.apply(app.site.db, app.site.migration_folders())
    return app


def _made(folder: Path, address: str) -> str:
    from changemaker_core.cli import newsite

    new = newsite.NewSite(
        folder=folder,
        organisation="Neighbours for Clean Water",
        admin_email=DEFAULT_ADMIN,
        base_url=address,
        development=True,
        demo=True,
    )
    password = newsite.make(new)
    return f"  Administrator: {new.admin_email}\n  Password, shown only now: {password}"


def _reused(folder: Path) -> str:
    return (
        f"  The site in {folder} is used again; its administrator's password was shown when it\n"
        "  was made. Remove the folder to begin anew."
    )


def _configuration(folder: Path, address: str) -> Config:
    """The site's configuration, at the address that this run listens on."""
    from changemaker_core.config import Config

    return Config.load(folder, {"CHANGEMAKER_BASE_URL": address, **os.environ})
