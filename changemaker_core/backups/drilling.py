"""Restore a backup to a scratch place, and report whether a site could be made of it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from changemaker_core.backups.code import opened_site
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.reading import opened_archive, unpack
from changemaker_core.backups.restoring import config_of, load
from changemaker_core.config.site_files import scratch_folder
from changemaker_core.diagnostics import Finding
from changemaker_core.plugin.errors import exception_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.backups.making import Progress
    from changemaker_core.backups.manifest import Manifest
    from changemaker_core.backups.reading import Unpacked
    from changemaker_core.config import Config
    from changemaker_core.db.migrations import Step
    from changemaker_core.diagnostics import Check

#: The check on which others of what is in the database depend. Checks of other servers, of this
#: machine and of queues say nothing about a backup.
_MIGRATIONS = "migrations"
_OTHERS = frozenset({"queues"})


@dataclass(frozen=True, slots=True)
class Drilled:
    """A backup that was restored to a scratch place. ``files`` were compared by their hashes."""

    manifest: Manifest
    files: int
    migrated: list[Step]
    findings: list[tuple[str, Finding]]
    seconds: float

    @property
    def rows(self) -> int:
        """The rows of all tables, as many as when the backup was made."""
        return sum(self.manifest.database.rows.values())

    @property
    def is_sound(self) -> bool:
        """Whether no check found an error."""
        return all(finding.status != "error" for _, finding in self.findings)


def drill(archive: Path | None, scratch_url: str | None, progress: Progress) -> Drilled:
    """Restore a backup (None: from standard input) to a scratch place, which is then deleted.

    Files are unpacked among the system's temporary files (``TMPDIR``). A dump of PostgreSQL is
    loaded into a database of its own on the server of ``scratch_url``, by default the site's. What
    a killed drill leaves is deleted by the next. Raises ``BackupError`` or ``ConfigError``.
    """
    began = time.monotonic()
    try:
        with opened_archive(archive) as stream, scratch_folder("changemaker-drill-") as scratch:
            unpacked = unpack(stream, scratch, lambda done, of: progress("archive", done, of))
            with _scratch_config(unpacked, scratch_url) as config:
                loaded = load(unpacked, config, progress)
                progress("checks", 0, 0)
                references = [Finding("warning", f"{row}.") for row in loaded.orphans]
                with opened_site(config) as (site, _):
                    checks = site.loaded.offered("operations_register_checks")
                    findings = [("references", each) for each in references]
                    findings += [
                        (contributed.item.name, finding)
                        for contributed in checks
                        if _is_of_content(contributed.item)
                        for finding in _findings(contributed.item, site)
                    ]
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        raise BackupError(f"Cannot restore to {where}: {error.strerror}.") from error
    return Drilled(
        unpacked.manifest, unpacked.files, loaded.migrated, findings, time.monotonic() - began
    )


@contextlib.contextmanager
def _scratch_config(unpacked: Unpacked, scratch_url: str | None) -> Iterator[Config]:
    """Return the configuration of the backup with a scratch database, and no other server."""
    with contextlib.ExitStack() as places:
        if unpacked.manifest.database.dialect == "sqlite":
            url = f"sqlite:///{unpacked.database}"
        else:
            from changemaker_core.backups.databases.postgresql import scratch_database

            server = scratch_url or config_of(unpacked, None).database_url
            url = places.enter_context(scratch_database(server))
        config = config_of(unpacked, url)
        yield msgspec.structs.replace(config, read_urls=(), redis_url=None)


def _is_of_content(check: Check) -> bool:
    is_first = check.name in ("database", _MIGRATIONS)
    return is_first or (_MIGRATIONS in check.requires and check.name not in _OTHERS)


def _findings(check: Check, site: object) -> list[Finding]:
    try:
        return list(check.run(site))  # type: ignore[arg-type]  # it is the open site
    except Exception as error:  # as for doctor, the failure of a check is its finding
        return [Finding("error", f"This check failed: {exception_line(error)}.")]
