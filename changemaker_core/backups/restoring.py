"""Make a site of a backup: in an empty folder, and in a new file or an empty database."""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from changemaker_core.backups.code import (
    opened_site,
    refuse_missing_plugins,
    refuse_newer_schema,
)
from changemaker_core.backups.databases import sqlite_path
from changemaker_core.backups.databases.sqlite import check_sqlite, orphans
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.reading import Unpacked, opened_archive, unpack
from changemaker_core.backups.selecting import BESIDE, LOST_AND_FOUND, SCRATCH
from changemaker_core.config import Config, ConfigError
from changemaker_core.config.site_files import flush, private_folder, scratch_folder
from changemaker_core.config.sources import DOTENV, TOML, lines_of
from changemaker_core.db import migrations
from changemaker_core.jobs import JOBS, core_jobs, hold_queue

if TYPE_CHECKING:
    from changemaker_core.backups.making import Progress
    from changemaker_core.backups.manifest import DatabaseFacts, Manifest
    from changemaker_core.db.migrations import Step
    from changemaker_core.plugin.manager import Survey
    from changemaker_core.site import Site

_VARIABLE = "CHANGEMAKER_DATABASE_URL"
_ASSIGNED = re.compile(rf"\s*(?:export\s+)?{_VARIABLE}\s*=.*")
#: Problems of a configuration with which it is not known where the database belongs.
_DECISIVE = frozenset({"database_url", "file", "line"})
#: The queue of core's own mail, which may be sent late, and is not to be sent by a copy of a site.
_MAIL = "mail"
#: How many differences an error names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Loaded:
    """A backup's database, loaded somewhere and compared with the manifest. ``orphans`` are rows
    that refer to no row, as words, the first few of them: the site had them too."""

    migrated: list[Step]
    held: list[str]
    orphans: list[str]


@dataclass(frozen=True, slots=True)
class Restored:
    """A site that was restored into ``folder``. ``elsewhere`` has where each file that lies outside
    of the site's folder is now, by where it belongs."""

    manifest: Manifest
    folder: Path
    config: Config
    migrated: list[Step]
    held: list[str]
    orphans: list[str]
    elsewhere: dict[str, Path]
    seconds: float


def restore(
    archive: Path | None, folder: Path, database_url: str | None, progress: Progress
) -> Restored:
    """Restore a backup (None: from standard input) into an empty folder.

    The database is that of the restored configuration, or at ``database_url``, which is then
    written into the site's ``.env``. Until the end there is no ``changemaker.toml`` in the folder.
    Raises ``BackupError`` or ``ConfigError``.
    """
    began = time.monotonic()
    try:
        _refuse_used(folder)
        private_folder(folder)
        with (
            opened_archive(archive) as stream,
            scratch_folder(f"{SCRATCH}restore-", folder) as scratch,
        ):
            unpacked = unpack(stream, scratch, lambda done, of: progress("archive", done, of))
            if database_url is not None:
                _write_database_url(unpacked.site / DOTENV, database_url)
            config = config_of(unpacked, database_url)
            path = _refuse_database(unpacked, config, is_named=database_url is not None)
            elsewhere = _move_elsewhere(unpacked, folder)
            loaded = load(unpacked, config, progress)
            if path is not None:
                _place(unpacked.database, path)
            _flush_all(unpacked.site)
            _move_site(unpacked.site, folder)
            flush(folder)
    except OSError as error:
        where = error.filename or folder
        raise BackupError(f"Cannot restore to {where}: {error.strerror}.") from error
    return Restored(
        unpacked.manifest,
        folder,
        Config.read(folder)[0],
        loaded.migrated,
        loaded.held,
        loaded.orphans,
        elsewhere,
        time.monotonic() - began,
    )


def config_of(unpacked: Unpacked, database_url: str | None) -> Config:
    """Return the configuration of a site that was unpacked.

    Raises ``ConfigError`` where it is not known where the database is; ``doctor`` reports the rest.
    """
    environ = dict(os.environ)
    if database_url is not None:
        environ[_VARIABLE] = database_url
    config, problems = Config.read(unpacked.site, environ)
    if decisive := tuple(each for each in problems if each.key in _DECISIVE):
        raise ConfigError(decisive)
    return config


def load(unpacked: Unpacked, config: Config, progress: Progress) -> Loaded:
    """Load the database of a backup, compare it with the manifest, migrate it, and hold its mail.

    A SQLite database stays where it was unpacked. No other server is connected to: they are those
    of the site that was backed up. Raises ``BackupError`` where the code does not fit, or the
    database is not that of the backup.
    """
    manifest = unpacked.manifest
    refuse_missing_plugins(manifest, config)
    config = msgspec.structs.replace(config, redis_url=None, read_urls=())
    is_sqlite = manifest.database.dialect == "sqlite"
    if is_sqlite:
        url = f"sqlite:///{unpacked.database}"
        config = msgspec.structs.replace(config, database_url=url)
    with opened_site(config) as (site, found):
        refuse_newer_schema(manifest, site.migration_folders())
        progress("database", 0, 0)
        if is_sqlite:
            facts = check_sqlite(unpacked.database)
        else:
            from changemaker_core.backups.databases import postgresql

            postgresql.load_postgresql(config.database_url, unpacked.database)
            facts = postgresql.check_postgresql(config.database_url)
        refuse_difference(manifest.database, facts)
        # A database in which a row was orphaned by hand is one to restore all the same.
        orphaned = orphans(unpacked.database) if is_sqlite else []
        migrated = migrations.apply(site.db, site.migration_folders())
        return Loaded(migrated, _hold_queues(site, found, manifest), orphaned)


def refuse_difference(expected: DatabaseFacts, found: DatabaseFacts) -> None:
    """Raise ``BackupError`` unless the tables have as many rows as when the backup was made."""
    differences = [
        f"{table} has {found.rows.get(table, 'no table')} rows instead of "
        f"{expected.rows.get(table, 'no table')}"
        for table in sorted(expected.rows.keys() | found.rows.keys())
        if expected.rows.get(table) != found.rows.get(table)
    ]
    if differences:
        more = f", and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
        shown = "; ".join(differences[:_NAMED])
        raise BackupError(f"The restored database is not that of the backup: {shown}{more}.")


def _hold_queues(site: Site, found: Survey, manifest: Manifest) -> list[str]:
    """Hold the queues whose jobs must not run again; return their names.

    Always, since what waits may have been sent after the backup was made, and since this may be a
    copy of a site that still runs.
    """
    jobs = [*core_jobs(), *(each.item for each in found.loaded.contributions(JOBS))]
    queues = sorted({_MAIL, *(job.queue for job in jobs if job.hold_after is not None)})
    note = f"From the backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC."
    for queue in queues:
        site.db.sync.write(hold_queue, queue, "restore", note)
    return queues


def _refuse_used(folder: Path) -> None:
    """Raise ``BackupError`` for a folder in which something is, except for what a killed restore
    left behind."""
    if folder.exists() and not folder.is_dir():
        raise BackupError(f"{folder} is a file. Choose a new or empty folder.")
    entries = sorted(os.listdir(folder)) if folder.is_dir() else []
    if used := [
        name for name in entries if not name.startswith(SCRATCH) and name != LOST_AND_FOUND
    ]:
        raise BackupError(
            f"{folder} is not empty: it contains {', '.join(used[:3])}. A restore replaces "
            "nothing.\nChoose a new or empty folder, or move what is in it away."
        )


def _refuse_database(unpacked: Unpacked, config: Config, *, is_named: bool) -> Path | None:
    """Return where a SQLite database belongs; None for PostgreSQL.

    Raises ``BackupError`` for a database of the other kind, a file that exists, and one outside of
    the folder, unless the operator has named it: a backup alone must not choose where it writes.
    """
    path = sqlite_path(config.database_url)
    if (path is None) == (unpacked.manifest.database.dialect == "sqlite"):
        here = "PostgreSQL" if path is None else "SQLite"
        there = "SQLite" if path is None else "PostgreSQL"
        raise BackupError(
            f"The backup has a database of {there}, and database_url is one of {here}.\n"
            f"Restore it to {there} with --database-url; `changemaker move-database` then moves it."
        )
    if path is None:
        return None
    path = Path(os.path.normpath(path))
    if not (is_named or path.is_relative_to(unpacked.site)):
        raise BackupError(
            f"The backup's database belongs outside of the folder, at {path}.\n"
            f"If it is to be there: --database-url sqlite:///{path}. Within the folder: "
            "--database-url sqlite:///site.db"
        )
    for used in (path.with_name(path.name + each) for each in BESIDE):
        if used.exists() and used.suffix != ".lock":
            raise BackupError(
                f"The database {used} already exists, and is not replaced.\n"
                "Move it away, or name another file with --database-url."
            )
    return path


def _write_database_url(dotenv: Path, url: str) -> None:
    """Set the database in ``.env``, which comes before ``changemaker.toml``.

    Otherwise a copy of a site would use the database of the site that it is a copy of.
    """
    found = dotenv.read_text("utf-8-sig") if dotenv.is_file() else ""
    lines = [line for line in lines_of(found) if not _ASSIGNED.fullmatch(line)]
    lines.append(f"{_VARIABLE}='{url.replace(chr(39), '%27')}'")
    dotenv.unlink(missing_ok=True)
    with open(os.open(dotenv, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join([*lines, ""]))


def _place(database: Path, path: Path) -> None:
    """Move a SQLite file to where it belongs, on whatever disk that is."""
    private_folder(path.parent)
    unfinished = path.with_name(f"{SCRATCH}{path.name}")
    shutil.move(database, unfinished)
    flush(unfinished)
    unfinished.rename(path)
    flush(path.parent)


def _move_elsewhere(unpacked: Unpacked, folder: Path) -> dict[str, Path]:
    """Move files that lie outside of the site's folder into ``elsewhere`` in it; return where each
    will be. A site that was restored before has such a folder, with former versions of them."""
    moved = {}
    for name, path in unpacked.manifest.elsewhere.items():
        source, into = unpacked.folder / name, unpacked.site / name
        if source.is_file():
            private_folder(into.parent)
            source.replace(into)
            moved[path] = folder / name
    return moved


def _flush_all(folder: Path) -> None:
    """Have all files in a folder survive a power cut before they make a site."""
    # Not `os.sync()`: it waits for what every program has written to any disk.
    for inner, _, names in os.walk(folder):
        for name in names:
            flush(Path(inner, name))
        flush(Path(inner))


def _move_site(site: Path, folder: Path) -> None:
    """Move the files of a site to their place, the one that makes it a site last."""
    names = sorted(os.listdir(site), key=lambda name: (name == TOML, name))
    for name in names:
        (site / name).rename(folder / name)
    if folder.stat().st_uid == os.geteuid():  # it may be a volume of another user
        folder.chmod(site.stat().st_mode & 0o777)
