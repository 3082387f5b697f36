"""Installed distributions, each read by itself: what is damaged in one hides no other.

Python reads the entry points of all distributions in one go, and one unreadable file ends it. What
reads them here are the commands that an operator repairs a site with.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Distributions of this name are a site's own business, whatever is left of them.
PREFIX = "changemaker"
LOG = logging.getLogger(__name__)
_FILE, _METADATA = "entry_points.txt", "METADATA"
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong with the files of a distribution, and how to fix it.

    ``distribution`` is its name, as far as that is known. Where ``hides``, it may have been a
    plugin that is missing now; the rest only needs to be cleared away.
    """

    distribution: str
    detail: str
    fix: str
    hides: bool = False

    @property
    def plugin(self) -> str:
        """The name that its plugin most likely has."""
        return self.distribution.removeprefix(f"{PREFIX}-")


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
    """Return the entry points of a group, and what is damaged among the distributions."""
    points: list[Point] = []
    damages: list[Damage] = []
    for name, distribution in _installed(damages).items():
        folder = _folder(distribution)
        # NOTE(cost): METADATA is parsed only where there is something to know from it.
        try:
            if name.startswith(PREFIX):
                _check_entry_points(distribution)
            chosen = [point for point in distribution.entry_points if point.group == group]
        except Exception as error:
            damages += _unreadable(name, folder, error)
            continue
        if chosen or name.startswith(PREFIX):
            damages += _incomplete(name, folder)
        if chosen:
            about = _about(distribution, name, folder)
            points += (Point(each, *about) for each in chosen)
    return sorted(points, key=lambda each: (each.name, each.distribution)), damages


def version_of(name: str) -> str | None:
    """Return the version of an installed distribution; None where there is none of that name."""
    for key, distribution in _installed([], name).items():
        return _about(distribution, key, _folder(distribution))[1]
    return None


def _installed(damages: list[Damage], name: str | None = None) -> dict[str, metadata.Distribution]:
    """Return the distributions by name, and add to ``damages`` what is there twice, or left over.

    Of two of one name, the first on ``sys.path`` counts, as in Python; of two in one folder, the
    one that was installed last, whose files are there.
    """
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions(name=name):
        folder = _folder(distribution)
        if folder is not None and folder.name.startswith("~"):
            damages += _left_behind(folder)
            continue
        key = _written_name(distribution, folder)
        first = _folder(found[key]) if key in found else None
        if folder is None or first is None or folder.parent != first.parent or folder == first:
            found.setdefault(key, distribution)
            continue
        newer, older = sorted((folder, first), key=_installed_at, reverse=True)
        if newer == folder:
            found[key] = distribution
        damages += _twice(key, newer, older)
    return found


def _installed_at(folder: Path) -> float:
    try:
        return max((file.stat().st_mtime for file in folder.iterdir()), default=0.0)
    except OSError:  # a file in place of a folder, or one that may not be opened
        return 0.0


def _folder(distribution: metadata.Distribution) -> Path | None:
    """Return the ``….dist-info`` of a distribution; None where it is not a folder."""
    path = getattr(distribution, "_path", None)
    return path if isinstance(path, Path) else None


def _written_name(distribution: metadata.Distribution, folder: Path | None) -> str:
    """Return ``changemaker-parks`` for ``changemaker_parks-1.2.3.dist-info``, and for the
    ``changemaker_parks.egg-info`` that setuptools leaves beside it."""
    name = folder.stem.partition("-")[0] if folder else str(distribution.metadata["Name"])
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


def _about(
    distribution: metadata.Distribution, name: str, folder: Path | None
) -> tuple[str, str, tuple[str, ...]]:
    """Return name, version and requirements: of a damaged one, what its folder's name says."""
    try:
        found = distribution.metadata
        about = found["Name"], found["Version"], tuple(found.get_all("Requires-Dist") or ())
        if about[0] and about[1]:
            return about
    except Exception:  # whatever it is: `_incomplete` reports it
        LOG.debug("the metadata of %s cannot be read", name, exc_info=True)
    parts = folder.stem.split("-") if folder is not None else []
    return name, parts[1] if len(parts) > 1 else "0", ()


def _left_behind(folder: Path) -> Iterator[Damage]:
    """pip renames what it removes, ``~hangemaker_parks…``, and leaves it when it is stopped."""
    if PREFIX[1:] in folder.name:
        detail = f"pip left {folder.name} behind when it was interrupted."
        yield Damage(folder.name, detail, f"Delete {folder} and its like beside it.")


def _incomplete(name: str, folder: Path | None) -> Iterator[Damage]:
    if folder is None or folder.suffix != ".dist-info":
        return
    fix = f"Delete {folder}, or `pip install --force-reinstall {name}`."
    try:
        text = (folder / _METADATA).read_text(encoding="utf-8")
    except FileNotFoundError:
        detail = f"{folder.name} has no METADATA: an installation or removal was interrupted."
        yield Damage(name, detail, fix)
    except (OSError, UnicodeError) as error:
        yield Damage(name, f"{folder / _METADATA} cannot be read: {error}.", fix)
    else:
        fields = ("Name", "Version")
        if lacks := [each for each in fields if not re.search(rf"(?m)^{each}:", text)]:
            detail = f"{folder / _METADATA} has no {' and no '.join(lacks)}: it is cut off."
            yield Damage(name, detail, fix)


def _twice(name: str, newer: Path, older: Path) -> Iterator[Damage]:
    """Report two versions in one folder: the files of one have overwritten the other's."""
    if name.startswith(PREFIX):
        detail = f"{name} is installed twice in {newer.parent}: {newer.name} and {older.name}."
        fix = f"Delete {older}, then `pip install --force-reinstall {name}`."
        yield Damage(name, detail, fix)


def _unreadable(name: str, folder: Path | None, error: Exception) -> Iterator[Damage]:
    if folder is not None and not name.startswith(PREFIX) and not _is_plugins(folder):
        return  # nothing of ours: whoever uses it meets the error
    text = " ".join(str(error).split())
    detail = f"The files of {folder or name} cannot be read: {type(error).__name__}: {text}."
    fix = f"`pip install --force-reinstall {name}`, or `pip uninstall {name}`."
    yield Damage(name, detail, fix, hides=True)


def _is_plugins(folder: Path) -> bool:
    """Whether a damaged distribution says anywhere that it offers plugins or commands."""
    try:
        return b"[changemaker." in (folder / _FILE).read_bytes()
    except OSError:
        return False
