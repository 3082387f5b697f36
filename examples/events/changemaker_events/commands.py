"""``changemaker events``"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from changemaker_core.cli import pass_site

if TYPE_CHECKING:
    from changemaker_core import Site


@click.group()
def events() -> None:
    """Look at events."""


@events.command("list")
@pass_site
def list_events(site: Site) -> None:
    """List the events and how many have signed up."""
    from changemaker_events import queries

    for event in site.db.sync.all(queries.all_events()):
        click.echo(f"{event.starts_at:%Y-%m-%d}  {event.taken}/{event.capacity}  {event.title}")
