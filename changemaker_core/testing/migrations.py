"""One test for all migrations of a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core import Site


def check_migrations(site: Site) -> None:
    """Raise ``AssertionError`` where the migrations of a site's plugins are not as they must be.

    Files have numbers from 0001 without gaps, ``up`` and ``down``; together they make what the
    models are. In the site's database, which a test has to itself, all of them are undone and
    applied again: nothing is left behind, and nothing fails.
    """
    from changemaker_core.db import migrations
    from changemaker_core.db.migrations.checking import problems_of

    folders = site.migration_folders()
    problems = problems_of(folders, site.models())
    if problems:
        raise AssertionError("\n".join(f"{each.plugin}: {each.text}" for each in problems))
    for plugin, tables in _left_behind(site).items():
        raise AssertionError(f"{plugin}: when all of its migrations are undone, {tables} is left")
    migrations.apply(site.db, folders)


def _left_behind(site: Site) -> dict[str, str]:
    """Undo all migrations of plugins, and return the tables that are still there."""
    from changemaker_core.db import migrations

    folders = site.migration_folders()
    core = {plugin.name for plugin in site.plugins() if plugin.core} | {"core"}
    own = [folder for folder in folders if folder.plugin not in core]
    migrations.revert_all(site.db, own)
    with site.db.engine.shared() as database:
        tables = database.get_tables()
    found = {
        folder.plugin: [
            table
            for table in tables
            if table.startswith(f"{folder.plugin}_") and table != f"{folder.plugin}_migrations"
        ]
        for folder in own
    }
    return {plugin: ", ".join(names) for plugin, names in found.items() if names}
