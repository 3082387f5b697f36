"""``changemaker move-database``: moves a site from one database to another."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from changemaker_core.cli.backup.progress import Progress
from changemaker_core.cli.common import load_config, opened_site, say, site_option
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.config import Config
    from changemaker_core.moving.moving import Moved

STAGES = {
    "check": "Checking every value.",
    "copy": "Copying the rows.",
    "compare": "Comparing the two databases.",
}


@click.command("move-database")
@site_option
@click.argument("url")
@click.option("--check", "only_check", is_flag=True, help="Check every value, and copy nothing.")
@click.option(
    "--leave-out",
    multiple=True,
    metavar="TABLE",
    help="Leave out a table that no loaded plugin has.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def move_database(url: str, only_check: bool, leave_out: tuple[str, ...], as_json: bool) -> None:
    """Copy every row of the site's database to the empty database at URL.

    URL is sqlite:///… or postgresql://…; with - it is read from standard input, so that a password
    is in no list of processes. The site must be stopped, except with --check. Its database stays as
    it is, and so does the configuration: the last line says what to change there.
    """
    from changemaker_core.backups.databases import sqlite_path
    from changemaker_core.config.rules import RULES
    from changemaker_core.moving.moving import move
    from changemaker_core.moving.sources import refuse_running
    from changemaker_core.server.loading import check_migrations

    url = sys.stdin.readline().strip() if url == "-" else url
    if problem := RULES["database_url"](url):
        raise CommandError(f"URL {problem}")
    config = load_config()
    path = sqlite_path(config.database_url)
    if path is not None and not only_check:
        refuse_running(path)
    progress = Progress(STAGES)
    with opened_site(config) as site:
        check_migrations(site)
        moved = move(site, path, url, leave_out, progress, only_check=only_check)
    progress.end()
    if as_json:
        click.echo(json.dumps(_as_object(moved), indent=2))
    elif only_check:
        click.echo(f"All {moved.rows:,} rows of {len(moved.tables)} tables can be moved.")
    else:
        _report(config, url, moved)


def _as_object(moved: Moved) -> dict[str, object]:
    return {
        "rows": moved.rows,
        "tables": {
            name: {"rows": each.count, "hash": str(each)} for name, each in moved.tables.items()
        },
        "seconds": round(moved.seconds, 3),
    }


def _report(config: Config, url: str, moved: Moved) -> None:
    click.echo(
        f"Moved {moved.rows:,} rows of {len(moved.tables)} tables in {moved.seconds:.1f} s; counts "
        "and hashes are equal on both sides."
    )
    say("The site's earlier database was not changed. Keep it until the site has run for a while.")
    entry = config.origins.get(("database_url",))
    where = entry.where if entry else "changemaker.toml"
    parts = urlsplit(url)
    if parts.password is not None or "password=" in parts.query:
        click.echo(f"Now set CHANGEMAKER_DATABASE_URL in .env to the URL (instead of {where}).")
    else:
        click.echo(f'Now change {where} to: database_url = "{url}"')
