"""``changemaker users``: creates and unlocks accounts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.site import Site


@click.group()
def users() -> None:
    """Create and unlock accounts."""


@users.command(short_help="Create an account.")
@pass_site
@click.argument("email")
@click.option("--name", help="The person's name [default: the email before the @].")
@click.option(
    "--role",
    default="USER",
    show_default=True,
    help="The person's role. The error for an unknown one lists them all.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def create(
    site: Site, email: str, name: str | None, role: str, password_stdin: bool, as_json: bool
) -> None:
    """Create an account for EMAIL, with a random password that is shown only once."""
    from changemaker_core.features.accounts import api

    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    try:
        user_id, password = api.create_user(
            site, email=email, name=name or email.partition("@")[0], role=role, password=given
        )
    except api.UnknownRole as error:
        raise CommandError(str(error)) from error
    account = {"id": user_id, "email": email, "role": role}
    if given is None:
        account["password"] = password
    if as_json:
        click.echo(json.dumps(account))
        return
    click.echo(f"Created {email} with the role {role}.")
    if given is None:
        click.echo(f"Password (shown only once): {password}")


@users.command(short_help="End the wait after wrong passwords.")
@pass_site
@click.argument("email")
def unlock(site: Site, email: str) -> None:
    """Let EMAIL sign in at once, after wrong passwords have made its network wait."""
    from changemaker_core.features.accounts import api

    try:
        api.unlock(site, email=email)
    except api.UnknownUser as error:
        raise CommandError(str(error)) from error
    click.echo(f"{email} can sign in again.")


@users.command("reset-two-factor", short_help="Turn two-factor sign-in off.")
@pass_site
@click.argument("email")
def reset_two_factor(site: Site, email: str) -> None:
    """Let EMAIL sign in with the password alone, after they lost their phone and recovery codes."""
    from changemaker_core.features.accounts import api

    try:
        was_on = api.reset_two_factor(site, email=email)
    except api.UnknownUser as error:
        raise CommandError(str(error)) from error
    click.echo(f"{email} signs in with the password alone." if was_on else "It was off already.")
