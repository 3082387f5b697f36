"""The folders of packages: templates, static files and catalogues are found in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core.site import Site

CORE = "core"


def package_folders(site: Site) -> dict[str, Path]:
    """Return each package's folder by its plugin's name, core first, then in dependency order."""
    core = Path(__file__).parent.parent
    return {CORE: core, **{plugin.name: plugin.folder for plugin in site.loaded.plugins}}
