"""The folders in which templates, static files and catalogues are found, and which come first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from changemaker_core.site import Site

CORE: Final = "core"
#: The owner of the files in the site's own folder: the operator.
SITE: Final = "site"


def package_folders(site: Site) -> dict[str, Path]:
    """Return each package's folder by its plugin's name, core first, then in dependency order."""
    core = Path(__file__).parent.parent
    return {CORE: core, **{plugin.name: plugin.folder for plugin in site.loaded.plugins}}


def search_folders(site: Site, kind: str) -> dict[str, Path]:
    """Return the folders named ``kind`` (``templates``, ``static``) by owner, the first to look in
    first: the site's own, then the plugins' from the last in load order to the first, then core's.

    So a file of the same name overrides what a package further down ships.
    """
    packages = package_folders(site)
    core = packages.pop(CORE)
    plugins = {name: folder / kind for name, folder in reversed(packages.items())}
    return {SITE: site.config.site_dir / kind, **plugins, CORE: core / "web" / kind}


def files_below(folder: Path) -> list[str]:
    """Return the files in a folder, as paths relative to it, without hidden ones and links out."""
    root = folder.resolve()
    return [
        file.relative_to(root).as_posix()
        for file in sorted(root.rglob("*"))
        if file.is_file() and _is_public(file, root)
    ]


def _is_public(file: Path, root: Path) -> bool:
    """Return whether a file is neither hidden nor a link out of the folder."""
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return not hidden and file.resolve().is_relative_to(root)
