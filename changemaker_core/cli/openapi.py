"""``changemaker openapi``: prints the OpenAPI document of the site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site

if TYPE_CHECKING:
    from changemaker_core.site import Site


@click.command()
@pass_site
def openapi(site: Site) -> None:
    """Print the OpenAPI 3.1 document of the site, as /api/openapi.json serves it."""
    from changemaker_core.http.openapi import describe

    click.echo(json.dumps(describe(site), ensure_ascii=False, indent=2))
