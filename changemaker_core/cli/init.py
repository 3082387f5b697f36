"""``changemaker init``: make a new site."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from changemaker_core.cli import newsite
from changemaker_core.cli.common import say
from changemaker_core.config.rules import LOCALES

DEFAULT_ADMIN = "admin@example.org"


def _asked(question: str, default: str, yes: bool) -> str:
    return default if yes else str(click.prompt(question, default=default, err=True))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Ask nothing: take the options and defaults.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--organisation", help="The name of the organisation.")
@click.option("--admin-email", help="The administrator's email address.")
@click.option("--locale", type=click.Choice(LOCALES), default="en", help="Main language.")
@click.option("--base-url", default="http://127.0.0.1:4000", help="Where visitors find the site.")
@click.option("--database-url", help="sqlite:///… or postgresql://…; by default a SQLite file.")
@click.option("--development", is_flag=True, help="Mailbox page and details of errors.")
def init(
    folder: Path,
    yes: bool,
    as_json: bool,
    organisation: str | None,
    admin_email: str | None,
    locale: str,
    base_url: str,
    database_url: str | None,
    development: bool,
) -> None:
    """Make a new site in FOLDER: configuration, database, seed data and an administrator.

    The administrator's password is random, shown once and kept nowhere. Nothing is overwritten.
    What the environment says (CHANGEMAKER_DATABASE_URL, …) is used but not written down.
    """
    new = newsite.NewSite(
        folder=folder.absolute(),
        organisation=organisation or _asked("Organisation", "My organisation", yes),
        admin_email=admin_email or _asked("Administrator's email", DEFAULT_ADMIN, yes),
        locale=locale,
        base_url=base_url,
        database_url=database_url,
        development=development,
    )
    password = newsite.make(new)
    if as_json:
        result = {"site": str(new.folder), "admin_email": new.admin_email}
        click.echo(json.dumps({**result, "admin_password": password}))
    else:
        _tell(new, password)


def _tell(new: newsite.NewSite, password: str) -> None:
    click.echo(f"The site is made: {new.folder}")
    click.echo(f"Administrator: {new.admin_email}")
    click.echo(f"Password, shown only now: {password}")
    if variables := _unwritten():
        used = " and ".join(variables)
        say(f"{used}: used, but not written down. Set it for later commands too, or in .env.")
    click.echo(f"Next: changemaker --site {os.path.relpath(new.folder)} serve")


def _unwritten() -> list[str]:
    """Variables of the environment that this site was made with and that its files do not say:
    without them the next command would look for another database, or not understand its tokens."""
    names = ("CHANGEMAKER_DATABASE_URL", "CHANGEMAKER_SECRET_KEY")
    return [name for name in names if os.environ.get(name)]
