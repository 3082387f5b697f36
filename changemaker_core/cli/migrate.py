"""``changemaker migrate``: brings the database up to date."""

from __future__ import annotations

import json

import click

from changemaker_core.cli.common import opened_site, site_option


@click.command()
@site_option
@click.option("--plan", "only_plan", is_flag=True, help="Show the steps without applying them.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def migrate(only_plan: bool, as_json: bool) -> None:
    """Apply the migrations of core and of every plugin that the database does not have yet."""
    from changemaker_core.db import migrations

    with opened_site() as site:
        perform = migrations.plan if only_plan else migrations.apply
        steps = perform(site.db, site.migration_folders())
    if as_json:
        click.echo(json.dumps([{"plugin": step.plugin, "name": step.name} for step in steps]))
        return
    for step in steps:
        click.echo(f"{'would apply' if only_plan else 'applied'} {step.plugin} {step.name}")
    if not steps:
        click.echo("The database is up to date.")
