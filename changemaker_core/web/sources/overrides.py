"""Files that are used instead of a package's own: by the operator, or by a later plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.text import did_you_mean
from changemaker_core.web.folders import CORE, files_below, search_folders
from changemaker_core.web.sources.problem import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.site import Site

#: The folders whose files can be overridden.
KINDS = ("templates", "static")


@dataclass(frozen=True, slots=True)
class Override:
    """The file ``name`` of ``owner``, which is used instead of that of ``instead_of``."""

    kind: str
    name: str
    owner: str
    instead_of: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} of {self.owner} instead of {self.instead_of}'s"


def overrides(site: Site) -> tuple[list[Override], list[SourceProblem]]:
    """Return the overrides of a site, and files that look like one and override nothing."""
    found: list[Override] = []
    problems: list[SourceProblem] = []
    for kind in KINDS:
        folders = search_folders(site, kind)
        owned = {owner: files_below(folder) for owner, folder in folders.items()}
        for owner, name in _foreign(owned):
            holders = [other for other, names in owned.items() if name in names]
            below = holders[holders.index(owner) + 1 :]
            if below:
                found.append(Override(kind, name, owner, below[0]))
            else:
                file = folders[owner] / name
                problems.append(_useless(owner, name, file, holders[:-1], owned))
    return found, problems


def _foreign(owned: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield owner and name of each file that lies outside of its owner's own folder."""
    for owner, names in owned.items():
        if owner != CORE:
            yield from ((owner, name) for name in names if not name.startswith(f"{owner}/"))


def _useless(
    owner: str, name: str, file: Path, above: list[str], owned: dict[str, list[str]]
) -> SourceProblem:
    target = name.partition("/")[0]
    if target in above:
        problem = f"It overrides nothing: {target} is loaded after {owner}, and its own is used."
        fix = f'Add {target!r} to the `after` of {owner}: after = ("{target}",).'
    else:
        others = [each for other, names in owned.items() if other != owner for each in names]
        problem = f"It overrides nothing: no package has {name!r}.{did_you_mean(name, others)}"
        fix = f"Rename or delete it; files of {owner}'s own belong into the folder {owner}/."
    return SourceProblem("warning", owner, file, 0, problem, fix)
