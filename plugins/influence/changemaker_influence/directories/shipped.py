"""The directories that ship with influence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from changemaker_influence.config import SAMPLE, InfluenceConfig

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.directories.directory import Directory

log = logging.getLogger(__name__)

SHIPPED: Final = ("file", "represent")


def directories(site: Site) -> list[Directory]:
    """The one of them that is configured: a file must be there to be read, and asking over HTTP
    costs time to import."""
    settings = site.settings(InfluenceConfig)
    if settings.directory == "represent":
        from changemaker_influence.directories.represent import Represent

        return [Represent(site.db, settings)]
    if settings.directory == "file":
        return [_file(site, settings.directory_file)]
    return []


def _file(site: Site, file: str) -> Directory:
    from changemaker_influence.directories.files import FileDirectory, FileUnreadable

    if file == SAMPLE and not site.config.development:
        log.warning("visitors are shown fictional people: [influence] directory_file is not set")
    try:
        return FileDirectory(file if file == SAMPLE else str(site.config.site_dir / file))
    except FileUnreadable as error:
        raise site.config.wrong("influence", "directory_file", f"cannot be used: {error}") from None
