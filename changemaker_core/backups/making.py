"""Make a backup of a site while it runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from changemaker_core.backups import targets
from changemaker_core.backups.databases import sqlite_path
from changemaker_core.backups.databases.sqlite import copy_sqlite
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import (
    DATABASES,
    FORMAT,
    MANIFEST,
    Manifest,
    PluginFacts,
    encode,
)
from changemaker_core.backups.selecting import (
    SCRATCH,
    Selection,
    refuse_other_files,
    select_files,
)
from changemaker_core.backups.writing import ArchiveWriter
from changemaker_core.config.site_files import (
    flush,
    is_full,
    open_private,
    private_folder,
    scratch_folder,
)
from changemaker_core.db import utcnow
from changemaker_core.features.operations.machine import LAST_BACKUP

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.backups.manifest import DatabaseFacts
    from changemaker_core.config import Config

    #: Called with what is being done, how much of it is done, and how much there is (0: unknown).
    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. ``path`` is None where it was written to a stream; ``removed`` are
    the older ones that took its place."""

    manifest: Manifest
    path: Path | None
    files: int
    bytes: int
    seconds: float
    left_out: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)


def back_up(
    config: Config,
    plugins: list[PluginFacts],
    core_version: str | None,
    target: Path | IO[bytes],
    progress: Progress,
    *,
    keep: int | None = None,
) -> Made:
    """Write a backup to ``target``: a new archive, a folder for archives, or a stream.

    Under its name there is a whole backup or none, whenever this process ends. ``keep`` is how many
    archives remain in a folder. Raises ``BackupError``.
    """
    making = _Making(config, plugins, core_version, progress)
    try:
        with targets.alone(run := private_folder(config.site_dir / "run")):
            made = making.file(target, keep) if isinstance(target, Path) else making.stream(target)
            (run / LAST_BACKUP).touch(0o600)
            return made
    except OSError as error:
        raise _explained(error, target) from error


class _Making:
    def __init__(
        self,
        config: Config,
        plugins: list[PluginFacts],
        core_version: str | None,
        progress: Progress,
    ) -> None:
        self._config, self._plugins, self._core_version = config, plugins, core_version
        self._progress = progress
        self._began = time.monotonic()

    def stream(self, stream: IO[bytes]) -> Made:
        with scratch_folder(f"{SCRATCH}backup-", self._config.site_dir / "run") as scratch:
            return self._write(stream, scratch, None, compressed=True)

    def file(self, target: Path, keep: int | None) -> Made:
        folder = (target.parent if targets.is_archive(target) else target).resolve()
        if folder == self._config.site_dir:
            raise BackupError("Choose another folder: each backup would contain those before it.")
        if folder.is_relative_to(self._config.site_dir) and folder.is_dir():
            refuse_other_files(folder)  # before a large database is copied
        private_folder(folder)
        if not targets.is_archive(target):
            path = targets.new_name(folder, self._config, utcnow)
        elif (path := target).exists():
            raise BackupError(f"{path} already exists. A backup never replaces one.")
        # Beside the archive, so that a full disk of backups leaves that of the site as it is.
        with scratch_folder(f"{SCRATCH}backup-", folder) as scratch:
            unfinished = scratch / "archive"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(open_private(unfinished, flags), "wb") as stream:
                made = self._write(stream, scratch, folder, compressed=path.suffix != ".tar")
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.rename(path)
        flush(folder)
        removed = targets.rotate(folder, self._config, keep, path) if keep is not None else []
        return Made(
            made.manifest,
            path,
            made.files,
            path.stat().st_size,
            time.monotonic() - self._began,
            made.left_out,
            removed,
        )

    def _write(
        self, stream: IO[bytes], scratch: Path, folder: Path | None, *, compressed: bool
    ) -> Made:
        # The database first: a file that is added in between is one too many in the backup, and a
        # row without its file is a broken page.
        database = scratch / "database"
        facts = self._copy_database(database)
        selection = select_files(self._config, folder)
        manifest = self._manifest(facts, selection, database.stat().st_size)
        counted = _Counting(self._progress, manifest.bytes)
        with ArchiveWriter(stream, compressed=compressed, on_bytes=counted) as archive:
            archive.add_bytes(MANIFEST, encode(manifest))
            archive.add_file(DATABASES[facts.dialect], database)
            database.unlink()
            for entry in selection.entries:
                if entry.is_folder:
                    archive.add_folder(entry.name, entry.found)
                else:
                    archive.add_file(entry.name, entry.path, entry.found)
        seconds = time.monotonic() - self._began
        return Made(manifest, None, archive.files, counted.done, seconds, selection.left_out)

    def _copy_database(self, into: Path) -> DatabaseFacts:
        path = sqlite_path(self._config.database_url)
        if path is not None:
            return copy_sqlite(path, into, lambda done, of: self._progress("database", done, of))
        from changemaker_core.backups.databases.postgresql import copy_postgresql

        counted = _Counting(self._progress, 0, "database")
        return copy_postgresql(self._config.database_url, into, counted)

    def _manifest(self, facts: DatabaseFacts, selection: Selection, size: int) -> Manifest:
        return Manifest(
            format=FORMAT,
            made_at=utcnow(),
            base_url=self._config.base_url,
            folder=str(self._config.site_dir),
            core_version=self._core_version,
            plugins=self._plugins,
            database=facts,
            elsewhere=selection.elsewhere,
            entries=len(selection.entries) + 1,
            bytes=selection.bytes + size,
        )


class _Counting:
    """Reports progress by the bytes that were done."""

    def __init__(self, progress: Progress, total: int, stage: str = "archive") -> None:
        self._progress, self._total, self._stage = progress, total, stage
        self.done = 0

    def __call__(self, count: int) -> None:
        self.done += count
        self._progress(self._stage, self.done, self._total)


def _explained(error: OSError, target: Path | IO[bytes]) -> BackupError:
    where = target if isinstance(target, Path) else "standard output"
    if is_full(error):
        return BackupError(
            f"There is no space left for {where}. Nothing of the backup was kept; the database is "
            "copied there before it is packed. Delete older backups, or choose another disk."
        )
    return BackupError(f"Cannot write {error.filename or where}: {error.strerror}.")
