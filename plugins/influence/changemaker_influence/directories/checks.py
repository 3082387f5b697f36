"""What ``changemaker doctor`` checks of directories of representatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Finding
from changemaker_influence.config import SAMPLE, InfluenceConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def check_directory(site: Site) -> Iterator[Finding]:
    """Warn about a live site that shows the sample's fictional representatives."""
    config = site.config_of(InfluenceConfig)
    sample = config.directory == "file" and config.directory_file == SAMPLE
    if sample and not site.config.development:
        detail = "Visitors are shown fictional representatives: directory_file is not set."
        fix = "Set directory_file in [influence] to a file of real ones, or remove directory."
        yield Finding("warning", detail, fix)
    else:
        yield Finding("ok", f"Representatives come from {config.directory!r}.")
