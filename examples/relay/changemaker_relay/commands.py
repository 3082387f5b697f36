"""``changemaker relay``: publishes notes."""

from __future__ import annotations

import click

from changemaker_core import Site
from changemaker_core.cli import pass_site, say
from changemaker_relay import services
from changemaker_relay.schemas import LONGEST


@click.group()
def relay() -> None:
    """Publish notes to this site and its peers."""


@relay.command()
@click.argument("texts", nargs=-1, required=True)
@pass_site
def publish(site: Site, texts: tuple[str, ...]) -> None:
    """Publish each of TEXTS, in this order."""
    if any(not 1 <= len(text) <= LONGEST for text in texts):
        raise click.UsageError(f"A note has 1 to {LONGEST} characters.")
    site.db.sync.write(services.publish, texts)
    say(f"{len(texts)} notes will be published.")
