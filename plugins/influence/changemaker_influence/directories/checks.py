"""What ``changemaker doctor`` checks of directories of representatives."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from changemaker_core import Finding
from changemaker_influence.config import SAMPLE, InfluenceConfig
from changemaker_influence.directories.queries import latest_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site
    from changemaker_influence.directories.directory import Directory

log = logging.getLogger(__name__)

#: The keys that name the directory: while one is wrong, there is nothing to look at.
DIRECTORY_KEYS: Final = ("influence.directory", "influence.directory_file")
#: Examples that a finding names; the rest is counted.
_NAMED: Final = 10
#: Problems of a file that a process logs when it starts.
_LOGGED: Final = 20


def warn_of_data(site: Site, directory: Directory) -> None:
    """Log what a process that serves visitors has wrong in the configured file."""
    from changemaker_influence.directories.files import FileDirectory

    if not isinstance(directory, FileDirectory):
        return
    file = site.config_of(InfluenceConfig).directory_file
    if file == SAMPLE and not site.config.development:
        log.warning("visitors see fictional people: [influence] directory_file is not set")
    for problem in directory.problems[:_LOGGED]:
        log.warning("%s: %s", file, problem)
    if (more := len(directory.problems) - _LOGGED) > 0:
        log.warning("%s: %d more problems; `changemaker doctor` counts them", file, more)


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


def check_data(site: Site, directory: Directory) -> Iterator[Finding]:
    """Warn about odd data of the directory, and about offices whose level is not recognised.

    Of a directory on a server, the entries that were fetched last are looked at.
    """
    problems: Counter[str] = Counter()
    offices: Counter[str] = Counter()
    cached = site.db.sync.all(latest_entries(directory=directory.name)) if directory.cached else ()
    for entry in (*(each.entry for each in cached), *directory.entries()):
        problems.update(entry.problems)
        unknown = (each for each in entry.representatives if each.level is None)
        offices.update(each.elected_office or "(none)" for each in unknown)
    if problems:
        detail = f"Data of {directory.name!r} was repaired or left out: {_most(problems)}."
        yield Finding("warning", detail, "Correct it at its source; everything else is used.")
    if offices:
        detail = f"No campaign writes to these offices, whose level is unknown: {_most(offices)}."
        fix = (
            "In a file of your own, add a column level with federal, provincial, municipal or"
            " school board."
        )
        yield Finding("warning", detail, fix)


def _most(counted: Counter[str]) -> str:
    named = [
        f"{text.rstrip('.')} ({count} times)" if count > 1 else text.rstrip(".")
        for text, count in counted.most_common(_NAMED)
    ]
    more = len(counted) - len(named)
    return "; ".join([*named, f"and {more} more"] if more else named)
