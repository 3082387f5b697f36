"""Where a backup goes: names of files in a folder, their rotation, and the newest of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from typing import TYPE_CHECKING

from changemaker_core.backups.errors import BackupError
from changemaker_core.config.site_files import open_private
from changemaker_core.features.operations.archives import ARCHIVE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from changemaker_core.config import Config

#: How an archive's name ends; the names of others are those of folders.
ARCHIVES = (".tar.gz", ".tgz", ".tar")
_TIME = "%Y%m%dT%H%M%SZ"


def is_archive(path: Path) -> bool:
    """Return whether a name is that of an archive."""
    return path.name.endswith(ARCHIVES)


def prefix_of(config: Config) -> str:
    """Return what the names of this site's backups begin with, by its public address."""
    address = config.base_url.partition("://")[2]
    return f"changemaker-{re.sub(r'[^A-Za-z0-9.]+', '-', address).strip('-.')}-"


def new_name(folder: Path, config: Config, clock: Callable[[], datetime]) -> Path:
    """Return the path of a new backup in ``folder``. One is made in a second."""
    while (path := folder / f"{prefix_of(config)}{clock():{_TIME}}.tar.gz").exists():
        time.sleep(0.1)
    return path


def newest(folder: Path) -> Path:
    """Return the newest backup in ``folder``. Raises ``BackupError`` where there is none."""
    found = _backups(folder, "")
    if not found:
        raise BackupError(f"{folder} contains no backup. `changemaker backup {folder}` makes one.")
    sites = {path.name.removesuffix(_ending(path)) for path in found}
    if len(sites) > 1:
        raise BackupError(
            f"{folder} contains backups of several sites: name the file of one of them. The newest "
            f"is {found[-1]}."
        )
    return found[-1]


def rotate(folder: Path, config: Config, keep: int, made: Path) -> list[Path]:
    """Delete all but the newest ``keep`` backups of this site; return those deleted.

    The one that was ``made`` just now stays, whatever the clock was when the others were made.
    """
    found = _backups(folder, prefix_of(config))
    old = [path for path in found if path != made][: max(0, len(found) - keep)]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _backups(folder: Path, prefix: str) -> list[Path]:
    """Return the backups of a folder, the oldest first."""
    try:
        paths = [path for path in folder.iterdir() if ARCHIVE_NAME.fullmatch(path.name)]
    except OSError as error:
        raise BackupError(f"Cannot read {folder}: {error.strerror}.") from error
    own = [p for p in paths if not prefix or p.name == f"{prefix}{_ending(p).lstrip('-')}"]
    return sorted(own, key=_ending)


def _ending(path: Path) -> str:
    """Return the end of a backup's name: ``-20261129T193000Z.tar.gz``, which sorts as time does."""
    found = ARCHIVE_NAME.fullmatch(path.name)
    return path.name[found.start(1) - 1 :] if found else ""


@contextlib.contextmanager
def alone(run_folder: Path) -> Iterator[None]:
    """Hold the lock of a site's backups. Raises ``BackupError`` where another one is being made."""
    path = run_folder / "backup.lock"
    handle = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError("Another backup of this site is being made. Wait for it.") from None
        yield
    finally:
        os.close(handle)
