"""Which files belong to a backup: those of the site's folder, and those its configuration names."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.backups.databases import sqlite_path
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import ELSEWHERE, SITE
from changemaker_core.backups.targets import ARCHIVES
from changemaker_core.backups.writing import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.config import Config

#: What SQLite and the site keep beside a database file.
BESIDE = ("", "-wal", "-shm", "-journal", ".lock")
#: The state of this machine: see ``jobs.held_queues``.
_RUN = "run"
#: By this file a folder is a virtual environment: installed packages, for this machine alone.
_VENV = "pyvenv.cfg"
#: The prefix of folders in which a backup or a restore is being made.
SCRATCH = ".changemaker-"
#: What the topmost folder of a disk has, which is the system's, and which only root can read.
LOST_AND_FOUND = "lost+found"
#: How many files an error names.
_NAMED = 3
#: The numbers by which the system knows a folder, whatever path or link leads to it.
_Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Selected:
    """A file or folder to back up, its name in the archive, and what the system says about it."""

    path: Path
    name: str
    found: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.found.st_mode)


@dataclass(slots=True)
class Selection:
    """What is backed up. ``left_out`` has the paths of links that lead nowhere, and the like."""

    entries: list[Selected] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    left_out: list[Path] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(each.found.st_size for each in self.entries if not each.is_folder)


@dataclass(frozen=True, slots=True)
class _Excluded:
    """What is not backed up: files by their names in a folder, and the folder of the backups."""

    names: frozenset[tuple[_Key, str]]
    target: _Key | None


def select_files(config: Config, target: Path | None) -> Selection:
    """Return the files of a site, without its database, the folder ``run`` and the folder
    ``target``, in which there are backups.

    Links are followed: what they lead to is part of the site. Raises ``BackupError`` where a file
    cannot be read, and where ``target`` has other files of the site.
    """
    selection = Selection()
    folder = config.site_dir
    names = {(_key(folder), _RUN)}
    database = sqlite_path(config.database_url)
    if database is not None:
        for path in (database, database.resolve()):
            names |= {(_key(path.parent), path.name + each) for each in BESIDE}
    excluded = _Excluded(frozenset(names), None if target is None else _key(target))
    _walk(folder, SITE, (), excluded, selection)
    for path in _named_elsewhere(config):
        name = f"{ELSEWHERE}/{str(path).lstrip('/')}"
        selection.entries.append(Selected(path, name, path.stat()))
        selection.elsewhere[name] = str(path)
    return selection


def _key(path: Path) -> _Key:
    found = path.stat()
    return found.st_dev, found.st_ino


def refuse_other_files(target: Path) -> None:
    """Raise ``BackupError`` where a folder of the site, which is left out of its backups since they
    are in it, has anything else."""
    others = [name for name in sorted(os.listdir(target)) if not _is_of_backups(name)]
    if others:
        raise BackupError(
            f"{target} is in the site's folder and contains {', '.join(others[:_NAMED])}. A backup "
            "leaves out the folder that it is written to, so these files would be in none.\n"
            "Choose a folder outside of the site, or one in which there are backups alone."
        )


def _is_of_backups(name: str) -> bool:
    """Return whether a name is that of an archive, also encrypted, or of one being made."""
    return name.startswith(SCRATCH) or any(f"{each}." in f"{name}." for each in ARCHIVES)


def _walk(
    path: Path,
    name: str,
    above: tuple[_Key, ...],
    excluded: _Excluded,
    selection: Selection,
) -> None:
    try:
        found = path.stat()
        entries = sorted(os.listdir(path)) if stat.S_ISDIR(found.st_mode) else []
    except FileNotFoundError:
        selection.left_out.append(path)  # a link that leads nowhere, or deleted just now
        return
    except OSError as error:
        raise unreadable(path, error) from error
    key = (found.st_dev, found.st_ino)
    if stat.S_ISREG(found.st_mode):
        selection.entries.append(Selected(path, name, found))
    elif not stat.S_ISDIR(found.st_mode) or key in above:
        selection.left_out.append(path)  # a socket, a pipe; a link to a folder that it is in
    elif key == excluded.target:
        refuse_other_files(path)
    elif _VENV not in entries:
        selection.entries.append(Selected(path, name, found))
        for entry in entries:
            if (key, entry) in excluded.names or entry == LOST_AND_FOUND:
                continue
            if not entry.startswith(SCRATCH):
                _refuse_line_end(path / entry)
                _walk(path / entry, f"{name}/{entry}", (*above, key), excluded, selection)


def _refuse_line_end(path: Path) -> None:
    """Raise for a name that a list of hashes, one in a line, cannot have."""
    if "\n" in path.name or "\r" in path.name:
        raise BackupError(f"{str(path)!r} has a line end in its name. Rename the file.")


def _named_elsewhere(config: Config) -> Iterator[Path]:
    """Yield the files outside of the site's folder that core's keys and plugins' tables name."""
    seen = set[Path]()
    for value in _texts([entry.value for entry in config.origins.values()]):
        if len(value) > os.pathconf("/", "PC_PATH_MAX") or "\0" in value or "/" not in value:
            continue
        path = Path(os.path.normpath(config.site_dir / value))
        if not path.is_relative_to(config.site_dir) and path not in seen and path.is_file():
            seen.add(path)
            _refuse_line_end(path)
            yield path


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
