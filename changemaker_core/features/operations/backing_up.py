"""Backups that are begun from a page: a job that runs ``changemaker backup``."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Conflict, Job, RetryPolicy, Text
from changemaker_core.features.operations.archives import Archive, archives_in
from changemaker_core.features.operations.machine import LAST_BACKUP

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site, Tx

#: The queue of its own keeps a large backup from holding up other jobs.
QUEUE: Final = "backups"
NAME: Final = "operations.back_up"
#: Seconds and bytes that a backup may take: a limit for one that hangs, not for a large site.
_SECONDS: Final = 6 * 3600.0
_MEMORY: Final = 8 << 30
_FILE: Final = 1 << 44
#: The program in ``changemaker``, with modules from where this process has them.
_PROGRAM: Final = "import sys; from changemaker_core.cli import main; sys.exit(main())"


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """The backups of a site: where they are, the newest first, and when the last was completed, by
    a page or by a command on this machine. ``problem`` is why the folder cannot be read."""

    folder: str | None
    keep: int
    archives: list[Archive] = []
    last_at: datetime | None = None
    problem: str = ""


async def backups_of(site: Site) -> Backups:
    """Return the backups of the folder in the configuration."""
    return await asyncio.to_thread(_read, site)


def enqueue_backup(tx: Tx, site: Site) -> str:
    """Have a backup made; return the id of the job. While one waits, no other is enqueued.

    Raises ``Conflict`` where the configuration names no folder.
    """
    if site.config.backup_folder is None:
        raise Conflict(Text("The operator has set no folder for backups."), code="no_backup_folder")
    tx.audit("operations.backup.started")
    return tx.enqueue(NAME, {}, key=NAME)


def back_up(run: JobRun) -> None:
    """Run ``changemaker backup``, which writes a whole archive or none."""
    config = run.site.config
    if config.backup_folder is None:
        run.dead("the configuration has no backup_folder any more")
        return
    run.progress(0, None, "changemaker backup")
    run.child(
        [
            sys.executable,
            "-P",
            "-c",
            _PROGRAM,
            "backup",
            config.backup_folder,
            "--site",
            str(config.site_dir),
            "--keep",
            str(config.backup_keep),
            "--json",
        ],
        seconds=_SECONDS,
        memory=_MEMORY,
        file_bytes=_FILE,
        env=_environment(),
    )


JOB: Final = Job(
    NAME,
    back_up,
    queue=QUEUE,
    retries=RetryPolicy(attempts=1),
    at_most=1,
    expected=timedelta(hours=1),
)


def _environment() -> dict[str, str]:
    """Return what the configuration may be in, and where modules are found."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("CHANGEMAKER_") or name in ("PYTHONPATH", "PGPASSFILE")
    }


def _read(site: Site) -> Backups:
    config = site.config
    folder, keep = config.backup_folder, config.backup_keep
    last_at = _last_at(site)
    if folder is None:
        return Backups(folder=None, keep=keep, last_at=last_at)
    path = site.config.site_dir / folder
    try:
        archives = archives_in(path)
    except FileNotFoundError:  # the first backup makes it
        archives = []
    except OSError as error:
        problem = error.strerror or str(error)
        return Backups(folder=str(path), keep=keep, last_at=last_at, problem=problem)
    return Backups(folder=str(path), keep=keep, archives=archives, last_at=last_at)


def _last_at(site: Site) -> datetime | None:
    try:
        changed = (site.run_folder / LAST_BACKUP).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(changed, UTC)
