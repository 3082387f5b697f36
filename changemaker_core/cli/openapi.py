"""``changemaker openapi``: prints the OpenAPI document of the site."""

from __future__ import annotations

import json

import click

from changemaker_core.cli.common import opened_site, site_option


@click.command()
@site_option
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the site, as /api/openapi.json serves it."""
    from changemaker_core.http.openapi import describe

    with opened_site() as site:
        click.echo(json.dumps(describe(site), ensure_ascii=False, indent=2))
