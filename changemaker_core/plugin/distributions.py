"""Installed distributions, each read by itself: what is damaged in one hides no other.

Python reads the entry points of all distributions in one go, and one unreadable file ends it. What
reads them here are the commands that an operator repairs a site with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Distributions of this name are a site's own business, whatever is left of them.
PREFIX = "changemaker"
_FILE = "entry_points.txt"
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong with the files of a distribution, and how to fix it.

    ``distribution`` is its name, as far as that is known. Where ``fatal``, it may have been a
    plugin that is missing now; the rest only needs to be cleared away.
    """

    distribution: str
    detail: str
    fix: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """An entry point, with the name, version and requirements of its distribution."""

    entry_point: metadata.EntryPoint
    distribution: str
    version: str
    requirements: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.entry_point.name


def read(group: str) -> tuple[list[Point], list[Damage]]:
    """Return the entry points of a group, and what is damaged among the distributions.

    Of two distributions of one name, the first on ``sys.path`` counts, as in Python.
    """
    points: list[Point] = []
    damages: list[Damage] = []
    seen: dict[str, Path | None] = {}
    for distribution in metadata.distributions():
        folder = _folder(distribution)
        if folder is not None and folder.name.startswith("~"):
            damages += _left_behind(folder)
            continue
        # NOTE(cost): METADATA is parsed only where there is something to know from it.
        name = _written_name(distribution, folder)
        if name in seen:
            damages += _twice(name, folder, seen[name])
            continue
        seen[name] = folder
        try:
            if name.startswith(PREFIX):
                _check_entry_points(distribution)
            points += _points(distribution, group)
        except Exception as error:
            damages += _unreadable(name, folder, error)
        else:
            damages += _incomplete(name, folder)
    return sorted(points, key=lambda each: (each.name, each.distribution)), damages


def _folder(distribution: metadata.Distribution) -> Path | None:
    """Return the ``….dist-info`` of a distribution; None where it is not a folder."""
    path = getattr(distribution, "_path", None)
    return path if isinstance(path, Path) else None


def _written_name(distribution: metadata.Distribution, folder: Path | None) -> str:
    """Return ``changemaker-parks`` for ``changemaker_parks-1.2.3.dist-info``."""
    name = folder.name.partition("-")[0] if folder else str(distribution.metadata["Name"])
    return _SEPARATORS.sub("-", name).lower()


def _check_entry_points(distribution: metadata.Distribution) -> None:
    """Raise ``ValueError`` for a line that Python would pass over, and a plugin with it."""
    section = ""
    for number, line in enumerate((distribution.read_text(_FILE) or "").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if match := _SECTION.fullmatch(line.strip()):
            section = match[1]
        elif not section or "=" not in line:
            raise ValueError(f"line {number} of {_FILE} is neither [group] nor name = value")


def _points(distribution: metadata.Distribution, group: str) -> Iterator[Point]:
    chosen = [point for point in distribution.entry_points if point.group == group]
    if chosen:
        name, requirements = distribution.metadata["Name"], tuple(distribution.requires or ())
        for point in chosen:
            yield Point(point, name, distribution.version, requirements)


def _left_behind(folder: Path) -> Iterator[Damage]:
    """pip renames what it removes, ``~hangemaker_parks…``, and leaves it when it is stopped."""
    if PREFIX[1:] in folder.name:
        detail = f"pip left {folder.name} behind when it was interrupted."
        yield Damage(folder.name, detail, f"Delete {folder} and its like beside it.")


def _incomplete(name: str, folder: Path | None) -> Iterator[Damage]:
    if folder is None or not name.startswith(PREFIX) or folder.suffix != ".dist-info":
        return
    if not (folder / "METADATA").is_file():
        detail = f"{folder.name} has no METADATA: an installation or removal was interrupted."
        fix = f"Delete {folder}, or `pip install --force-reinstall {name}`."
        yield Damage(name, detail, fix)


def _twice(name: str, folder: Path | None, first: Path | None) -> Iterator[Damage]:
    """Report two versions in one folder: the files of one have overwritten the other's."""
    if folder is None or first is None or folder.parent != first.parent or folder == first:
        return
    if name.startswith(PREFIX):
        detail = f"{name} is installed twice in {folder.parent}: {first.name} and {folder.name}."
        fix = f"Delete the older of the two, then `pip install --force-reinstall {name}`."
        yield Damage(name, detail, fix)


def _unreadable(name: str, folder: Path | None, error: Exception) -> Iterator[Damage]:
    if folder is not None and not name.startswith(PREFIX) and not _is_plugins(folder):
        return  # nothing of ours: whoever uses it meets the error
    text = " ".join(str(error).split())
    detail = f"The files of {folder or name} cannot be read: {type(error).__name__}: {text}."
    fix = f"`pip install --force-reinstall {name}`, or `pip uninstall {name}`."
    yield Damage(name, detail, fix, fatal=True)


def _is_plugins(folder: Path) -> bool:
    """Whether a damaged distribution says anywhere that it offers plugins or commands."""
    try:
        return b"[changemaker." in (folder / _FILE).read_bytes()
    except OSError:
        return False
