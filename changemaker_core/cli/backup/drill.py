"""``changemaker restore-drill``: proves that a backup can be restored."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.backup.progress import Progress
from changemaker_core.cli.backup.restore import STAGES
from changemaker_core.cli.doctor import MARKS

if TYPE_CHECKING:
    from changemaker_core.backups.drilling import Drilled


@click.command("restore-drill")
@click.argument("backup", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--newest", is_flag=True, help="BACKUP is a folder: use the newest backup in it.")
@click.option(
    "--scratch-url",
    help="For PostgreSQL: a server on which the role may create a database [default: the site's].",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def restore_drill(backup: Path, newest: bool, scratch_url: str | None, as_json: bool) -> None:
    """Restore BACKUP to a scratch place, compare it with what was backed up, and delete it.

    Reports rows, files, time, and what `doctor` finds in the restored database. Exits with status
    1 if a site could not be made of the backup. Files are unpacked in $TMPDIR, else /tmp.
    """
    from changemaker_core.backups import targets
    from changemaker_core.backups.drilling import drill
    from changemaker_core.config.site_files import keep_private

    keep_private()
    archive = None if str(backup) == "-" else backup.absolute()
    if newest and archive is not None:
        archive = targets.newest(archive)
    progress = Progress({**STAGES, "checks": "Checking what was restored."})
    done = drill(archive, scratch_url, progress)
    progress.end()
    if as_json:
        click.echo(json.dumps(_as_object(done, archive), indent=2))
    else:
        _report(done, archive)
    sys.exit(0 if done.is_sound else 1)


def _as_object(done: Drilled, archive: Path | None) -> dict[str, object]:
    return {
        "backup": None if archive is None else str(archive),
        "made_at": done.manifest.made_at.isoformat(),
        "database": done.manifest.database.dialect,
        "rows": done.rows,
        "files": done.files,
        "migrated": [str(step) for step in done.migrated],
        "findings": [{"name": name, **asdict(finding)} for name, finding in done.findings],
        "sound": done.is_sound,
        "seconds": round(done.seconds, 3),
    }


def _report(done: Drilled, archive: Path | None) -> None:
    for name, finding in done.findings:
        click.echo(f"{MARKS[finding.status]}  {name}: {finding.detail}")
    verdict = "can be restored" if done.is_sound else "was restored, with errors"
    tables = len(done.manifest.database.rows)
    click.echo(
        f"{archive or 'The backup'} {verdict}: {done.rows:,} rows of {tables} tables as they were "
        f"backed up, {done.files:,} files with their hashes, {done.seconds:.1f} s."
    )
