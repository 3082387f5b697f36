"""``changemaker keys``: lists, creates and revokes API keys."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.site import Site


@click.group()
def keys() -> None:
    """List, create and revoke API keys."""


@keys.command("list")
@pass_site
@click.argument("email", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_keys(site: Site, email: str | None, as_json: bool) -> None:
    """List the API keys of the user EMAIL, or of all users; 1,000 at most, the newest first."""
    from changemaker_core.features.accounts import api

    found = _of_user(api.keys, site, email=email)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for key in found:
        end = f"until {_day(key.expires_at)}" if key.expires_at else "without end"
        used = f"used {_day(key.last_used_at)}" if key.last_used_at else "not used"
        click.echo(f"{key.id}  {key.beginning}…  {key.email}  {key.name}  {end}, {used}")
        click.echo(f"  {', '.join(key.permissions)}")
    if not found:
        say("There are no API keys.")


@keys.command()
@pass_site
@click.argument("email")
@click.option("--name", required=True, help="The program that will use the key.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    help="A permission that the user holds; repeat it for each. `changemaker routes` lists them.",
)
@click.option(
    "--days", type=click.IntRange(1, 3660), help="Days after which it expires [default: never]."
)
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
def create(
    site: Site,
    email: str,
    name: str,
    permissions: tuple[str, ...],
    days: int | None,
    as_json: bool,
) -> None:
    """Create an API key for the user EMAIL. It is shown only once."""
    from changemaker_core.features.accounts import api

    lasts = None if days is None else timedelta(days=days)
    new = _of_user(
        api.create_key, site, email=email, name=name, permissions=permissions, lasts=lasts
    )
    if as_json:
        click.echo(json.dumps({"id": new.id, "key": new.key}))
    else:
        click.echo(f"API key (shown only once): {new.key}")


@keys.command()
@pass_site
@click.argument("key_id")
def revoke(site: Site, key_id: str) -> None:
    """Revoke the API key with the id KEY_ID, as `keys list` shows it."""
    from changemaker_core.features.accounts import api

    if not api.revoke_key(site, key_id):
        raise CommandError(f"There is no API key {key_id}. `changemaker keys list` lists them.")
    say("The key is revoked. Programs that use it are refused now.")


def _of_user(call: Any, site: Site, **arguments: Any) -> Any:
    from changemaker_core.features.accounts import api

    try:
        return call(site, **arguments)
    except (api.UnknownUser, api.KeyRefused) as error:
        raise CommandError(str(error)) from error


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
