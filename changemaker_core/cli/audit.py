"""``changemaker audit``: lists, exports and verifies the audit log."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.db import Tx
    from changemaker_core.features.audit.schemas import EntryOut
    from changemaker_core.site import Site

_HASH = re.compile(r"[0-9a-f]{64}")
#: Entries between two lines of progress.
_STEP = 50_000


def _filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose entries."""
    for option in (
        click.option("--until", type=click.DateTime(), help="Only entries from before, in UTC."),
        click.option("--since", type=click.DateTime(), help="Only entries from then on, in UTC."),
        click.option("--object", help="Only entries about the object of this id."),
        click.option("--action", help="Only entries of this action: accounts.user.changed."),
        click.option("--actor", help="Only what the user of this email address or id has done."),
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """List what was changed and by whom, export it, and verify it."""


@audit.command("list")
@pass_site
@_filtered
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def list_entries(site: Site, limit: int, as_json: bool, **filters: Any) -> None:
    """List entries, the newest first."""
    from changemaker_core.features.audit import queries
    from changemaker_core.features.audit.reading import with_values_now

    chosen = _chosen(site, filters)
    found = site.db.sync.read(lambda: with_values_now(queries.entries(**chosen, limit=limit).all()))
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"data": found})))
    else:
        click.echo("\n".join(map(_line, found)) or "There are no such entries.")


@audit.command()
@pass_site
def actions(site: Site) -> None:
    """List the actions that the log has entries of."""
    from changemaker_core.features.audit import queries

    for each in site.db.sync.all(queries.actions()):
        click.echo(each.action)


@audit.command()
@pass_site
@click.option("--head", help="A hash that the chain must contain, as an earlier call printed it.")
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def verify(site: Site, head: str | None, as_json: bool) -> None:
    """Verify that the log is as it was sealed.

    Exit status 1 and the first entry that does not fit, if one was changed, removed, inserted or
    moved. Note the hash that is printed, outside of this machine: with --head, it shows whether the
    end was cut off since, or the log replaced by an intruder who knows secret_key.
    """
    from changemaker_core.features.audit.verification import verify as verify_log

    if head is not None and not _HASH.fullmatch(head):
        raise click.BadParameter("it has 64 hexadecimal digits.", param_hint="--head")
    done = 0

    def progress(position: int) -> None:
        nonlocal done
        if position // _STEP > done // _STEP:
            say(f"{position} entries …")
        done = position

    report = verify_log(site, head, progress)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    if report.problem is not None:
        raise CommandError(f"The audit log does not fit. {report.problem}")
    if not as_json:
        click.echo(f"{report.sealed} entries fit.")
        if report.erased:
            click.echo(f"{report.erased} values of persons were erased.")
        if report.open:
            click.echo(f"{report.open} entries are not sealed yet.")
        click.echo(f"Head: {report.head or 'none'}")


@audit.command()
@pass_site
@_filtered
@click.option("--format", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
    help="[default: standard output]",
)
def export(site: Site, format: str, out: Path, **filters: Any) -> None:
    """Write entries to a file. One that is there is replaced once all of them are written.

    jsonl: the sealed entries in the order of the chain, with all that a program of yours needs to
    verify it; without filters. csv: entries as people read them, the newest first.
    """
    from changemaker_core.features.audit.exporting import as_csv, as_jsonl

    chosen = _chosen(site, filters)
    if format == "csv":
        lines = as_csv(site, chosen)
    elif chosen:
        raise click.UsageError("jsonl is the whole chain: a filter needs --format csv.")
    else:
        lines = as_jsonl(site)
    site.db.sync.write(_record_export, format, chosen)
    if str(out) == "-":
        sys.stdout.buffer.writelines(lines)
        sys.stdout.flush()
    else:
        _replace(out, lines)


def _record_export(tx: Tx, format: str, chosen: dict[str, Any]) -> None:
    """Record who takes the log away, before anything of it is written."""
    filters = {name: str(value) for name, value in chosen.items()}
    tx.audit("audit.log.exported", after={"format": format, **filters})


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    if path.exists() and not path.is_file():  # a pipe, or a device
        with path.open("wb") as file:
            file.writelines(lines)
        return
    path = path.resolve()
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def _chosen(site: Site, filters: dict[str, Any]) -> dict[str, Any]:
    """Return the filters that were given, with an id in place of an address; times are in UTC.

    Raise ``CommandError`` for an address without an account, and an action that no entry has.
    """
    chosen: dict[str, Any] = {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in filters.items()
        if value is not None
    }
    if "@" in chosen.get("actor", ""):
        chosen["actor"] = _id_of(site, chosen["actor"])
    if "action" in chosen:
        _check_action(site, chosen["action"])
    return chosen


def _id_of(site: Site, email: str) -> str:
    from changemaker_core.features.accounts.api import account_by_email
    from changemaker_core.mail import canonical_email

    account = site.db.sync.one(account_by_email(canonical_email(email)))
    if account is None:
        raise CommandError(
            f"{email} has no account. What a deleted one did is found by its id: `--actor ID`."
        )
    return account.id


def _check_action(site: Site, action: str) -> None:
    from changemaker_core.features.audit.queries import actions, entries

    if site.db.sync.one(entries(action=action, limit=1)) is not None:
        return
    seen = [each.action for each in site.db.sync.all(actions())]
    raise CommandError(
        f"No entry has the action {action!r}.{did_you_mean(action, seen)} `changemaker audit"
        " actions` lists those that there are."
    )


def _line(entry: EntryOut) -> str:
    from changemaker_core.features.audit.resources import changes_as_text

    id = entry.actor.id and f"({entry.actor.id})"
    parts = [
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        f"{entry.action:36}",
        " ".join(filter(None, (entry.actor.kind, entry.actor.name, id))),
        entry.client and f"from {entry.client}",
        entry.request_id and f"request {entry.request_id}",
        entry.label or entry.object_id,
        changes_as_text(entry.changes),
    ]
    return printable("  ".join(filter(None, parts)))
