"""``changemaker influence``: what an operator does for campaigns."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from changemaker_core.cli import CommandError, pass_site, say
from changemaker_influence.outcomes.commands import COMMANDS

if TYPE_CHECKING:
    from changemaker_core import Site


@click.group()
def influence() -> None:
    """Look after campaigns."""


for command in COMMANDS:
    influence.add_command(command)


@influence.command("raise-limit")
@pass_site
@click.argument("address")
@click.option(
    "--to", "people", type=click.IntRange(1, 10_000), required=True, help="People in an hour."
)
@click.option(
    "--until",
    required=True,
    metavar="TIME",
    help='The end, such as "2026-05-01 18:00" in the time zone of the site.',
)
def raise_(site: Site, address: str, people: int, until: str) -> None:
    """Let more people write from ADDRESS, for an event where they share one connection.

    ADDRESS is the public IP address of the event's network. The limit of messages that one person
    may send stays as it is.
    """
    from changemaker_influence.networks import services

    network, end = _network(address), _time(site, until)
    raised = services.Raised(network=network, people=people, until=end)
    site.db.sync.write(services.raise_limit, raised)
    say(f"{people} people in an hour may write from {network} until {_shown(site, end)}.")


@influence.command("limits")
@pass_site
def list_limits(site: Site) -> None:
    """List the addresses whose limit is raised."""
    from changemaker_influence.networks.services import raised_limits

    rows = site.db.sync.all(raised_limits(now=site.clock()))
    lines = [f"{each.network:40} {each.people:6} until {_shown(site, each.until)}" for each in rows]
    click.echo("\n".join(lines) or "No limit is raised.")


@influence.command("reset-limit")
@pass_site
@click.argument("address")
def reset(site: Site, address: str) -> None:
    """Let as many people write from ADDRESS as from any other."""
    from changemaker_influence.networks.services import reset_limit

    network = _network(address)
    if not site.db.sync.write(reset_limit, network):
        raise CommandError(f"The limit of {network} is not raised.")
    say(f"{network} has the usual limit again.")


def _network(address: str) -> str:
    from changemaker_core import visitor_key

    try:
        return visitor_key(str(ipaddress.ip_address(address.strip())))
    except ValueError:
        raise CommandError(
            f"{address!r} is no IP address. Open a page such as https://icanhazip.com in the"
            " event's network to see its address, such as 203.0.113.7."
        ) from None


def _time(site: Site, text: str) -> datetime:
    """Return the moment that an operator means."""
    from changemaker_influence.networks.services import LONGEST

    try:
        typed = datetime.fromisoformat(text.strip())
        zoned = typed if typed.tzinfo else typed.replace(tzinfo=ZoneInfo(site.time_zone))
        moment, now = zoned.astimezone(UTC), site.clock()
    except (ValueError, OverflowError):
        raise CommandError(f'{text!r} is no time. Write it as "2026-05-01 18:00".') from None
    if not now < moment <= now + LONGEST:
        raise CommandError(
            f"{_shown(site, moment)} must be in the future, and within {LONGEST.days} days."
        )
    return moment


def _shown(site: Site, moment: datetime) -> str:
    zone = site.time_zone
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
