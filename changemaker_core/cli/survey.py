"""A view of a site that may be broken, for ``plugins`` and ``doctor``."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.config import Config, ConfigProblem
    from changemaker_core.plugin.manager import Survey
    from changemaker_core.site import Site


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A site as far as it can be loaded, and the problems of its configuration and plugins."""

    config: Config
    config_problems: tuple[ConfigProblem, ...]
    site: Site
    plugins: Survey


@contextlib.contextmanager
def surveyed(folder: Path) -> Iterator[Surveyed]:
    """Open the site of a folder with every plugin that can be loaded; report the others."""
    import msgspec

    from changemaker_core.config import Config
    from changemaker_core.plugin import manager
    from changemaker_core.settings import SETTINGS
    from changemaker_core.site import Site, core

    config, problems = Config.read(folder)
    # Core alone cannot fail, not even because of a plugin's table in the configuration.
    site = Site(msgspec.structs.replace(config, plugin_tables={}), plugins=[])
    try:
        found = manager.survey(None, config, site, core=core())
        locked = site.settings.offer(site.loaded.contributions(SETTINGS), site.loaded)
        yield Surveyed(config, (*problems, *locked), site, found)
    finally:
        site.close()
