"""``changemaker relay``: publishes notes."""

from __future__ import annotations

import click

from changemaker_core.cli import opened_site, say, site_option


@click.group()
def relay() -> None:
    """Publish notes to this site and its peers."""


@relay.command()
@site_option
@click.argument("texts", nargs=-1, required=True)
def publish(texts: tuple[str, ...]) -> None:
    """Publish each of TEXTS, in this order."""
    from changemaker_relay import services

    with opened_site() as site:
        site.db.sync.write(services.publish, texts)
    say(f"{len(texts)} notes will be published.")
