"""``changemaker init``: creates a site."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click

from changemaker_core.cli.common import invoked_as, say
from changemaker_core.cli.creating import newsite
from changemaker_core.config.rules import LOCALES

DEFAULT_ADMIN = "admin@example.org"


def _ask(question: str, default: str, yes: bool) -> str:
    return default if yes else str(click.prompt(question, default=default, err=True))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Ask no questions; use options and defaults.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--organisation", help="The name of the organisation.")
@click.option("--admin-email", help="The administrator's email address.")
@click.option("--locale", type=click.Choice(LOCALES), default="en", help="The default language.")
@click.option("--base-url", default="http://127.0.0.1:4000", help="The public address of the site.")
@click.option(
    "--database-url", help="sqlite:///… or postgresql://… [default: a SQLite file in FOLDER]."
)
@click.option("--development", is_flag=True, help="Show a mailbox page and the details of errors.")
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
    """Create a site in FOLDER: configuration, database, seed data and an administrator.

    The administrator's password is random and shown only once. Nothing is overwritten. Environment
    variables (CHANGEMAKER_DATABASE_URL, …) are used, but not saved to the configuration.
    """
    newsite.check_folder(folder.absolute())
    new = newsite.NewSite(
        folder=folder.absolute(),
        organisation=organisation or _ask("Organisation", "My organisation", yes),
        admin_email=admin_email or _ask("Administrator's email", DEFAULT_ADMIN, yes),
        locale=locale,
        base_url=base_url,
        database_url=database_url,
        development=development,
    )
    password = newsite.create(new)
    if as_json:
        result = {"site": str(new.folder), "admin_email": new.admin_email}
        click.echo(json.dumps({**result, "admin_password": password}))
    else:
        _report(new, password)


def _report(new: newsite.NewSite, password: str) -> None:
    click.echo(f"Created the site in {new.folder}")
    click.echo(f"Administrator: {new.admin_email}")
    click.echo(f"Password (shown only once): {password}")
    # Without these the next command would use another database, or reject the site's tokens.
    for name in ("CHANGEMAKER_DATABASE_URL", "CHANGEMAKER_SECRET_KEY"):
        if os.environ.get(name):
            say(f"{name} was used, but not saved. Set it for later commands too, or in .env.")
    folder = shlex.quote(os.path.relpath(new.folder))
    click.echo(f"Next: {invoked_as()} --site {folder} serve")
