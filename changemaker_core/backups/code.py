"""The installed code, beside what a backup was made with."""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec

from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import PluginFacts
from changemaker_core.db.migrations.folders import migration_files
from changemaker_core.plugin import manager
from changemaker_core.settings import SETTINGS
from changemaker_core.site import Site, core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from changemaker_core.backups.manifest import Manifest
    from changemaker_core.config import Config
    from changemaker_core.db.migrations import MigrationFolder
    from changemaker_core.plugin.manager import Survey

_CORE = "changemaker-core"


@contextlib.contextmanager
def opened_site(config: Config) -> Iterator[tuple[Site, Survey]]:
    """Open a site with every plugin that can be loaded, and return what is wrong with the others.

    On another machine a file that a plugin's table names may be missing.
    """
    # Core alone cannot fail, not even because of a plugin's table in the configuration.
    site = Site(msgspec.structs.replace(config, plugin_tables={}), plugins=[])
    try:
        found = manager.survey(None, config, site, core=core())
        site.settings.offer(site.loaded.contributions(SETTINGS), site.loaded)
        yield site, found
    finally:
        site.close()


def core_version() -> str | None:
    """Return the version of changemaker-core; None where no distribution of it is installed."""
    try:
        return metadata.version(_CORE)
    except metadata.PackageNotFoundError:
        return None


def plugins_of(config: Config) -> list[PluginFacts]:
    """Return the plugins that a site loads, without those of core and those that are broken."""
    found = manager.survey(None, config, None, core=core()).loaded.plugins
    return [
        PluginFacts(name=each.name, version=each.version, distribution=each.distribution)
        for each in found
        if not each.core
    ]


def refuse_missing_plugins(manifest: Manifest, config: Config) -> None:
    """Raise ``BackupError`` where the site had a plugin that cannot be loaded here."""
    survey = manager.survey(None, config, None, core=core())
    present = {each.name for each in survey.loaded.plugins}
    present |= {problem.plugin for problem in survey.problems}  # installed: doctor says the rest
    missing = [each for each in manifest.plugins if each.name not in present]
    if missing:
        names = ", ".join(f"{each.name} {each.version or ''}".strip() for each in missing)
        packages = " ".join(
            f"{each.distribution}=={each.version}" if each.version else each.distribution
            for each in missing
            if each.distribution
        )
        fix = f"`pip install {packages}`" if packages else "Install them"
        raise BackupError(
            f"The backup is of a site with plugins that are not loaded here: {names}.\n{fix}, or "
            "have [plugins] of changemaker.toml allow them."
        )


def refuse_newer_schema(manifest: Manifest, folders: Sequence[MigrationFolder]) -> None:
    """Raise ``BackupError`` where the database has migrations that the installed code lacks."""
    newer = []
    for folder in folders:
        known = {path.stem for path in migration_files(folder)}
        applied = manifest.database.migrations.get(folder.plugin, [])
        newer += [f"{folder.plugin} {name}" for name in applied if name not in known]
    if newer:
        made_with = manifest.core_version or "another version"
        raise BackupError(
            f"The backup is ahead of the installed code: {', '.join(newer)}.\n"
            f"It was made with changemaker-core {made_with}. Install the packages that contain "
            "these migrations."
        )
