"""``changemaker translations``: for authors, the texts that a plugin's catalogues lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site, say, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.site import Site


@click.group()
@site_option
def translations() -> None:
    """List the texts of a plugin that are not translated, and add them to its catalogue."""


@translations.command("list", short_help="List the texts that are not translated.")
@pass_site
@click.argument("plugin")
@click.argument("language")
def list_(site: Site, plugin: str, language: str) -> None:
    """List the texts of PLUGIN without a translation into LANGUAGE, such as fr, and their places.

    Texts of its code (Text) and its templates are found; those that core translates are not listed.
    """
    from changemaker_core.web.sources.check import missing_texts

    _file(site, plugin, language)
    missing = missing_texts(site, plugin, language)
    for each in missing:
        click.echo(f"{each.place}\t{each.text!r}")
    say(f"{len(missing)} texts of {plugin} have no translation into {language}.")


@translations.command(short_help="Add the texts that are not translated to the catalogue.")
@pass_site
@click.argument("plugin")
@click.argument("language")
def make(site: Site, plugin: str, language: str) -> None:
    """Add an empty entry to the catalogue of PLUGIN for each text that LANGUAGE (fr) lacks.

    What is in the catalogue stays as it is. Where there is none, it is created beside plugin.py.
    """
    from changemaker_core.web.sources.check import missing_texts
    from changemaker_core.web.sources.making import add_entries

    file = _file(site, plugin, language)
    missing = missing_texts(site, plugin, language)
    try:
        added = add_entries(file, plugin, missing)
    except ValueError as error:
        raise CommandError(f"{error}\nCorrect it first.") from error
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
    click.echo(file)
    say(f"{len(added)} entries were added; {len(missing)} texts have no translation.")


def _file(site: Site, plugin: str, language: str) -> Path:
    from changemaker_core.text import did_you_mean
    from changemaker_core.web.languages import is_language
    from changemaker_core.web.sources.check import catalogue_of

    packages = {each.name: each.folder for each in site.loaded.plugins if not each.core}
    if plugin not in packages:
        hint = did_you_mean(plugin, packages)
        raise CommandError(f"No plugin called {plugin!r} is loaded.{hint}")
    if not is_language(language):
        raise CommandError(f"There is no language {language!r}. Name it by a code such as fr.")
    return catalogue_of(packages[plugin], plugin, language)
