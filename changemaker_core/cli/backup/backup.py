"""``changemaker backup``: copies a site into an archive while it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from changemaker_core.cli.backup.progress import Progress
from changemaker_core.cli.common import existing_site, say, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.backups.making import Made
    from changemaker_core.config import Config

STAGES = {"database": "Copying the database.", "archive": "Writing the archive."}
#: Keys without which it is not known where the database is.
_DECISIVE = frozenset({"database_url", "file", "line"})


@click.command()
@site_option
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Delete all but the newest N of this site's backups in the folder TARGET.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def backup(target: Path, keep: int | None, as_json: bool) -> None:
    """Copy database, configuration and files into one archive, while the site runs.

    TARGET is a folder, in which the archive is named by the site's address and the time; a new
    file, NAME.tar.gz or NAME.tar; or - for standard output. The archive contains all secrets of the
    site and the names of its supporters: encrypt it before it leaves the machine.
    """
    from changemaker_core.backups.code import core_version, plugins_of
    from changemaker_core.backups.making import back_up
    from changemaker_core.backups.targets import is_archive
    from changemaker_core.config.site_files import keep_private

    is_stream = str(target) == "-"
    if keep is not None and (is_stream or is_archive(target)):
        raise click.UsageError("--keep needs a folder as TARGET.")
    if is_stream and as_json:
        raise click.UsageError("--json needs standard output, where the archive goes.")
    keep_private()
    config = _config()
    progress = Progress(STAGES)
    made = back_up(
        config,
        plugins_of(config),
        core_version(),
        _standard_output() if is_stream else target.absolute(),
        progress,
        keep=keep,
    )
    progress.end()
    for path in made.left_out:
        say(f"Left out, since it is neither a file nor a folder: {path}")
    if as_json:
        click.echo(json.dumps(_as_object(made), indent=2))
    else:
        _report(made)


def _config() -> Config:
    """Return the configuration as far as it can be read: a backup comes before a repair."""
    from changemaker_core.config import Config, ConfigError

    config, problems = Config.read(existing_site())
    if decisive := tuple(each for each in problems if each.key in _DECISIVE):
        raise ConfigError(decisive)
    for problem in problems:
        say(f"The configuration is backed up as it is: {problem}")
    return config


def _standard_output() -> IO[bytes]:
    if sys.stdout.isatty():
        raise CommandError("An archive cannot be shown on a terminal: add `> backup.tar.gz`.")
    return sys.stdout.buffer


def _as_object(made: Made) -> dict[str, object]:
    facts = made.manifest.database
    return {
        "path": str(made.path),
        "bytes": made.bytes,
        "files": made.files,
        "database": facts.dialect,
        "rows": sum(facts.rows.values()),
        "seconds": round(made.seconds, 3),
        "left_out": [str(path) for path in made.left_out],
        "removed": [str(path) for path in made.removed],
    }


def _report(made: Made) -> None:
    rows = sum(made.manifest.database.rows.values())
    what = f"{rows:,} rows and {made.files:,} files in {made.seconds:.1f} s"
    if made.path is None:
        say(f"Backed up {what}.")
        return
    click.echo(f"Backed up {what}: {made.path} ({made.bytes:,} bytes)")
    for path in made.removed:
        say(f"Deleted the older backup {path.name}")
