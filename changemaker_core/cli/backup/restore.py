"""``changemaker restore``: makes a site of a backup."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.backup.progress import Progress
from changemaker_core.cli.common import invoked_as, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.backups.restoring import Restored

STAGES = {"archive": "Unpacking the backup.", "database": "Loading the database."}
_VARIABLE = "CHANGEMAKER_DATABASE_URL"


@click.command()
@click.argument("backup", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--database-url",
    help="The new file or empty database to restore into [default: as in the backup].",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def restore(backup: Path, folder: Path, database_url: str | None, as_json: bool) -> None:
    """Make a site of BACKUP (- for standard input) in the new or empty FOLDER.

    Nothing is replaced: neither files nor a database in which something is. Queues of mail and
    webhooks are held afterwards, since what waits may have been sent after the backup was made.
    """
    from changemaker_core.backups.restoring import restore as restore_backup
    from changemaker_core.config.rules import RULES
    from changemaker_core.config.site_files import keep_private

    if database_url is not None and (problem := RULES["database_url"](database_url)):
        raise CommandError(f"--database-url {problem}")
    keep_private()
    progress = Progress(STAGES)
    archive = None if str(backup) == "-" else backup.absolute()
    done = restore_backup(archive, folder.absolute(), database_url, progress)
    progress.end()
    if as_json:
        click.echo(json.dumps(_as_object(done), indent=2))
    else:
        _report(done, database_url)


def _as_object(done: Restored) -> dict[str, object]:
    return {
        "site": str(done.folder),
        "made_at": done.manifest.made_at.isoformat(),
        "rows": sum(done.manifest.database.rows.values()),
        "migrated": [str(step) for step in done.migrated],
        "held": done.held,
        "orphans": done.orphans,
        "elsewhere": {where: str(path) for where, path in done.elsewhere.items()},
        "seconds": round(done.seconds, 3),
    }


def _report(done: Restored, database_url: str | None) -> None:
    rows = sum(done.manifest.database.rows.values())
    made_at = f"{done.manifest.made_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"Restored the backup of {made_at} to {done.folder}: {rows:,} rows.")
    for step in done.migrated:
        say(f"Applied {step}, which the backup did not have.")
    for row in done.orphans:
        say(f"Restored as it was backed up: {row}.")
    for where, path in done.elsewhere.items():
        say(f"{where} is named by the configuration; the backup's is in {path}.")
    if database_url is not None:
        say(f"{_VARIABLE} in .env is now the database that was restored.")
        if os.environ.get(_VARIABLE):
            say(f"The environment has another {_VARIABLE}, which comes before .env: change it.")
        for key in ("redis_url", "read_urls"):
            if getattr(done.config, key):
                say(f"{key} is that of the backup: change it, if this is a copy of a site.")
    if os.geteuid() == 0:
        say(f"All files belong to root. Give them to the site's user: chown -R USER {done.folder}")
    command = f"{invoked_as()} --site {shlex.quote(str(done.folder))}"
    say(f"Held: {', '.join(done.held)}. Nothing is sent until you release it.")
    click.echo(f"Next: {command} doctor, then serve")
    for queue in done.held:
        click.echo(f"Then: {command} queues release {queue}, which first shows what waits")
