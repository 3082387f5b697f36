"""``changemaker init``: creates a site."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import invoked_as, say
from changemaker_core.cli.creating import newsite
from changemaker_core.config.rules import LOCALES, RULES
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_ADMIN = "admin@example.org"


def _admin_email(value: str) -> str | None:
    import msgspec

    from changemaker_core import Email

    try:
        msgspec.convert(value, Email)
    except msgspec.ValidationError:
        return "must be an email address, such as name@example.org."
    return None


#: What may be said on the command line or answered: the rule of each option.
_RULES: dict[str, Callable[[str], str | None]] = {
    "--organisation": RULES["organisation"],
    "--admin-email": _admin_email,
    "--base-url": RULES["base_url"],
    "--database-url": RULES["database_url"],
}


def _check(option: str, value: str | None) -> None:
    """Raise ``CommandError`` for an option with a wrong value. A value is not repeated: it may
    contain a password."""
    if value is not None and (message := _RULES[option](value)):
        raise CommandError(f"{option} {message}")


def _ask(option: str, question: str, default: str, yes: bool) -> str:
    """Return the answer, or the default for ``yes``. A wrong answer is asked for again."""

    def checked(answer: str) -> str:
        if message := _RULES[option](answer):
            raise click.UsageError(f"This {message}")
        return answer

    if yes:
        return default
    return str(click.prompt(question, default=default, err=True, value_proc=checked))


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
    folder = folder.absolute()
    newsite.check_folder(folder)
    _check("--organisation", organisation)
    _check("--admin-email", admin_email)
    _check("--base-url", base_url)
    _check("--database-url", database_url)
    newsite.check_environment(folder, database_url)
    if organisation is None:
        organisation = _ask("--organisation", "Organisation", "My organisation", yes)
    if admin_email is None:
        admin_email = _ask("--admin-email", "Administrator's email", DEFAULT_ADMIN, yes)
    new = newsite.NewSite(
        folder=folder,
        organisation=organisation,
        admin_email=admin_email,
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
    click.echo(f"Where to sign in, while it is served: {new.base_url}/sign-in")
    # Without these the next command would use another database, or reject the site's tokens.
    for name in (newsite.DATABASE_VARIABLE, "CHANGEMAKER_SECRET_KEY"):
        if os.environ.get(name):
            say(f"{name} was used, but not saved. Set it for later commands too, or in .env.")
    folder = shlex.quote(os.path.relpath(new.folder))
    click.echo(f"Next: {invoked_as()} --site {folder} serve")
