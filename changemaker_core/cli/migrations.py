"""``changemaker migrations``: for authors of plugins, writes migrations and checks them."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core.db import MigrationFolder
    from changemaker_core.site import Site


@click.group()
@site_option
def migrations() -> None:
    """Write the migrations of a plugin, and check them."""


@migrations.command(short_help="Write a plugin's next migration.")
@pass_site
@click.argument("plugin")
@click.option("--name", help="The name of the file, after its number.")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="A table or TABLE.COLUMN that has a new name. Can be repeated.",
)
@click.option(
    "--fill",
    "fills",
    multiple=True,
    metavar="TABLE.COLUMN=VALUE",
    help="What existing rows get, as JSON or text. Can be repeated.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the file without writing it.")
def make(
    site: Site,
    plugin: str,
    name: str | None,
    renames: tuple[str, ...],
    fills: tuple[str, ...],
    only_print: bool,
) -> None:
    """Write the next migration of PLUGIN from the difference between its models and migrations.

    Read the file before it is released: only you know what existing rows need.
    """
    from changemaker_core.db.migrations.making import make as make_migration

    made = make_migration(
        _folders(site, plugin),
        plugin,
        site.models().get(plugin, []),
        name,
        dict(_pair(each, "--rename") for each in renames),
        {column: _value(text) for column, text in (_pair(each, "--fill") for each in fills)},
    )
    if made is None:
        say(f"The migrations of {plugin} make what its models are. There is nothing to write.")
        return
    if only_print:
        click.echo(made.text, nl=False)
        return
    try:
        made.write()
    except OSError as error:
        raise CommandError(f"{made.path} cannot be written: {error.strerror}.") from error
    click.echo(made.path)
    for step in made.operations:
        say(f"  {step}")
    for rename in made.renames:
        say(f"Is that a rename? Delete the file, and run this again with --rename {rename}")


@migrations.command(short_help="Check migrations against the models.")
@pass_site
@click.argument("plugins", nargs=-1)
def check(site: Site, plugins: tuple[str, ...]) -> None:
    """Check the files of PLUGINS (all, if none is named), and that they make what the models are.

    Exits with status 1 if not.
    """
    from changemaker_core.db.migrations.checking import problems_of

    for plugin in plugins:
        _folders(site, plugin)
    problems = [
        problem
        for problem in problems_of(site.migration_folders(), site.models())
        if not plugins or problem.plugin in plugins
    ]
    if problems:
        raise CommandError("\n".join(f"{each.plugin}: {each.text}" for each in problems))
    click.echo("Migrations and models agree.")


def _folders(site: Site, plugin: str) -> Sequence[MigrationFolder]:
    """Return the folders that are applied up to a plugin's own, which may not exist yet."""
    from changemaker_core.db import MigrationFolder
    from changemaker_core.text import did_you_mean

    packages = site.loaded.package_folders()
    if plugin not in packages:
        raise CommandError(
            f"No plugin called {plugin!r} is loaded.{did_you_mean(plugin, packages)}"
        )
    earlier = [*takewhile(lambda name: name != plugin, packages)]
    found = [each for each in site.migration_folders() if each.plugin in earlier]
    return [*found, MigrationFolder(plugin, packages[plugin] / "migrations")]


def _pair(text: str, option: str) -> tuple[str, str]:
    before, separator, after = text.partition("=")
    if not (before and separator) or (option == "--rename" and not after):
        raise click.BadParameter(f"{text!r} has no = between two parts.", param_hint=option)
    return before, after


def _value(text: str) -> Any:
    """Return JSON as what it says, and anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
