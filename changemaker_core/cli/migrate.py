"""``changemaker migrate``: brings the database up to date, or back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import click

from changemaker_core.cli.common import pass_site

if TYPE_CHECKING:
    from changemaker_core.db.migrations import Step
    from changemaker_core.site import Site


class Place(NamedTuple):
    """A plugin, and a number in its history."""

    plugin: str
    number: int | None


def _place(_ctx: click.Context, param: click.Parameter, value: str | None) -> Place | None:
    """Return the place that an option names; ``--back`` may leave out the number."""
    if value is None:
        return None
    found = re.fullmatch(r"([a-z][a-z0-9]*)(?::(\d+))?", value)
    if found is None or (found[2] is None and param.name == "to"):
        raise click.BadParameter(f"{value!r} is not {param.metavar}, such as events:2")
    return Place(found[1], int(found[2]) if found[2] else None)


@click.command()
@pass_site
@click.option("--plan", "only_plan", is_flag=True, help="Show the steps without doing them.")
@click.option("--to", callback=_place, metavar="PLUGIN:NUMBER", help="End at this migration.")
@click.option(
    "--back",
    callback=_place,
    metavar="PLUGIN[:NUMBER]",
    help="Undo a plugin's newest migration, or all after NUMBER.",
)
@click.option("--yes", is_flag=True, help="With --back: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def migrate(
    site: Site, only_plan: bool, to: Place | None, back: Place | None, yes: bool, as_json: bool
) -> None:
    """Apply the migrations of core and of every plugin that the database does not have yet.

    --back undoes migrations, and deletes what is in the tables and columns that they made: make a
    backup first. --back events:0 undoes all of a plugin's.
    """
    if to and back:
        raise click.UsageError("--to and --back exclude each other.")
    steps = _back(site, back, only_plan, yes) if back else _forward(site, to, only_plan)
    if as_json:
        click.echo(json.dumps([{"plugin": step.plugin, "name": step.name} for step in steps]))
        return
    verb = (
        ("would undo" if only_plan else "undid")
        if back
        else ("would apply" if only_plan else "applied")
    )
    for step in steps:
        click.echo(f"{verb} {step}")
    if not steps:
        click.echo("Nothing to undo." if back else "The database is up to date.")


def _forward(site: Site, to: Place | None, only_plan: bool) -> list[Step]:
    from changemaker_core.db import migrations

    target = migrations.Target(to.plugin, to.number or 0) if to else None
    perform = migrations.plan if only_plan else migrations.apply
    return perform(site.db, site.migration_folders(), to=target)


def _back(site: Site, back: Place, only_plan: bool, yes: bool) -> list[Step]:
    from changemaker_core.db import migrations

    folder = migrations.folder_of(site.migration_folders(), back.plugin)
    steps = migrations.plan_back(site.db, folder, back.number)
    if only_plan or not steps:
        return steps
    if not yes:
        names = ", ".join(map(str, steps))
        click.confirm(
            f"Undo {names}? What is in their tables and columns is lost.", abort=True, err=True
        )
    return migrations.revert(site.db, folder, back.number)
