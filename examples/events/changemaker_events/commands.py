"""``changemaker events``"""

from __future__ import annotations

import click

from changemaker_core import Site
from changemaker_core.cli import pass_site
from changemaker_events import queries


@click.group()
def events() -> None:
    """Look at events."""


@events.command("list")
@pass_site
def list_events(site: Site) -> None:
    """List the events and how many have signed up."""
    for event in site.db.sync.all(queries.all_events()):
        click.echo(f"{event.starts_at:%Y-%m-%d}  {event.taken}/{event.capacity}  {event.title}")
