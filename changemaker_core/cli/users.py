"""``changemaker users``: accounts from the command line."""

from __future__ import annotations

import json
import sys

import click

from changemaker_core.cli.common import opened_site, site_option
from changemaker_core.server.errors import CommandError


@click.group()
def users() -> None:
    """Create accounts."""


@users.command(short_help="Create an account.")
@site_option
@click.argument("email")
@click.option("--name", help="The person's name; by default the email's first part.")
@click.option(
    "--role",
    default="USER",
    show_default=True,
    help="What the person may do; a wrong one is answered with all that there are.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def create(email: str, name: str | None, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create an account for EMAIL, with a random password that is shown once."""
    from changemaker_core.features.accounts import api

    given = sys.stdin.readline().rstrip("\n") if password_stdin else None
    with opened_site() as site:
        try:
            user_id, password = api.create_user(
                site, email=email, name=name or email.partition("@")[0], role=role, password=given
            )
        except api.UnknownRole as error:
            raise CommandError(str(error)) from error
    account = {"id": user_id, "email": email, "role": role}
    if given is None:
        account["password"] = password
    click.echo(json.dumps(account) if as_json else _said(account))


def _said(account: dict[str, str]) -> str:
    lines = [f"Created {account['email']} as {account['role']}."]
    if "password" in account:
        lines.append(f"Password, shown only now: {account['password']}")
    return "\n".join(lines)
