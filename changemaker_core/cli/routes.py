"""``changemaker routes``: every route, its plugin and the permission it requires."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site

if TYPE_CHECKING:
    from changemaker_core.site import Site


@click.command()
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print the routes as JSON.")
def routes(site: Site, as_json: bool) -> None:
    """List every route: method, path, plugin, and the permission it requires."""
    rows = [
        {
            "method": each.method,
            "path": each.path,
            "plugin": each.plugin,
            "access": each.permission or "public",
        }
        for each in sorted(site.routes(), key=lambda each: (each.path, each.method))
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    width = max(len(row["path"]) for row in rows)
    for row in rows:
        click.echo(f"{row['method']:6} {row['path']:{width}} {row['plugin']:12} {row['access']}")
