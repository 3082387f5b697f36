"""``changemaker routes``: every route, whose it is and who may use it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import opened_site, site_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.plugin.loaded import Contribution
    from changemaker_core.plugin.types import Route


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one route. ``access`` is ``public`` or the permission that it asks for."""

    method: str
    path: str
    plugin: str
    access: str


@click.command()
@site_option
@click.option("--json", "as_json", is_flag=True, help="Print the routes as JSON.")
def routes(as_json: bool) -> None:
    """List every route: method, path, plugin, and the permission that it asks for."""
    with opened_site() as site:
        rows = [row for each in site.loaded.contributions("routes") for row in _rows(each)]
    rows.sort(key=lambda row: (row.path, row.method))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    width = max(len(row.path) for row in rows)
    for row in rows:
        click.echo(f"{row.method:6} {row.path:{width}} {row.plugin:12} {row.access}")


def _rows(route: Contribution[Route]) -> Iterator[Row]:
    from changemaker_core.http.endpoint import declared
    from changemaker_core.http.routing import responders_of

    for method, responder in responders_of(route.item).items():
        spec = declared(responder)
        access = "undeclared" if spec is None else spec.permission or "public"
        yield Row(method, route.item.path, route.plugin.name, access)
