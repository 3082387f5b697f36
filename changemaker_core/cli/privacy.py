"""``changemaker privacy``: exports and erases what is stored about a person, or is too old."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.features.privacy.declarations import Person
    from changemaker_core.features.privacy.services import Erased, Held
    from changemaker_core.site import Site


@click.group()
def privacy() -> None:
    """Export and erase what is stored about a person, and what is too old.

    A person is found by their email address, in any spelling, or the id of their account. Name all
    addresses that they have proven to be theirs.
    """


@privacy.command()
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def kinds(site: Site, as_json: bool) -> None:
    """List the kinds of personal data that core and plugins store, and how long they are kept."""
    from changemaker_core.features.privacy.services import kinds_of
    from changemaker_core.features.privacy.views import kind_out

    found = [kind_out(site, kind, str) for kind in kinds_of(site)]
    if as_json:
        _print_json(found)
        return
    for each in found:
        days = "" if each.retention_days is None else f", kept for {each.retention_days} days"
        click.echo(f"{each.name:28} {each.label}{days}")


@privacy.command()
@pass_site
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file that only you can read, in place of standard output.",
)
def export(site: Site, emails: tuple[str, ...], out: Path | None) -> None:
    """Write everything that is stored about a person, as JSON."""
    from changemaker_core.features.privacy.services import export as collected

    person = _person(site, emails)
    held, found = collected(site, person)
    text = _json(found)
    if out is None:
        click.echo(text)
    else:
        _write_private(out, text)
    _say_held(held)


@privacy.command(short_help="Erase what is stored about a person.")
@pass_site
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@click.option("--dry-run", is_flag=True, help="Print what would be erased, and erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def erase(site: Site, emails: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase everything that is stored about a person: rows are deleted, or made anonymous where
    others need them.

    What waits to be sent for them is not sent. After an interruption, run it again. The exit status
    is 1 if something remains for now, such as a message that is being sent.
    """
    from changemaker_core import Conflict
    from changemaker_core.features.privacy import services

    person = _person(site, emails)
    try:
        services.check_erasable(site, person)
        held = (services.look_up if dry_run else services.held_about)(site, person)
        _say_held(held)
        if dry_run:
            if as_json:
                _print_json([{"name": each.kind.name, "found": len(each.rows)} for each in held])
            return
        if not yes and any(each.rows for each in held) and not _is_confirmed():
            say("Nothing was erased.")
            return
        done = services.erase(site, person, report=_say_erased)
    except Conflict as conflict:
        raise CommandError(str(conflict.detail)) from conflict
    if as_json:
        _print_json([_erased(each) for each in done])
    if any(each.remaining for each in done):
        raise CommandError("Some data remains for now: run this again in a few minutes.")


@privacy.command(short_help="Delete or anonymise what is too old.")
@pass_site
@click.option("--dry-run", is_flag=True, help="Print how much is too old, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def retention(site: Site, dry_run: bool, as_json: bool) -> None:
    """Delete or anonymise what is older than it is kept, as a job does each day.

    `changemaker privacy kinds` shows how long that is, and `[privacy.retention_days]` in the
    configuration changes it.
    """
    from changemaker_core.features.privacy.retention import count_expired, expire

    done = count_expired(site) if dry_run else expire(site)
    if as_json:
        _print_json(
            [{"name": each.kind.name, "days": each.days, "rows": rows} for each, rows in done]
        )
        return
    for each, rows in done:
        click.echo(f"{each.kind.name:28} older than {each.days} days: {rows}")


def _person(site: Site, emails: tuple[str, ...]) -> Person:
    from changemaker_core import Invalid
    from changemaker_core.features.privacy.services import find_person

    try:
        return find_person(site, emails)
    except Invalid as invalid:
        raise CommandError("\n".join(str(each.message) for each in invalid.errors)) from invalid


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Nothing was erased. Confirm it with --yes.")
    return click.confirm("Erase this for good?", err=True)


def _say_held(held: list[Held]) -> None:
    for each in held:
        if each.rows:
            say(f"{each.kind.name:28} {len(each.rows):6}  {each.kind.label}")
            if each.kind.keeps:
                say(f"{'':37}{each.kind.keeps}")
    if not any(each.rows for each in held):
        say("Nothing is stored about this person.")


def _say_erased(erased: Erased) -> None:
    if erased.erased or erased.remaining:
        remaining = f", {erased.remaining} remain for now" if erased.remaining else ""
        say(f"{erased.kind.name:28} {erased.erased:6} erased{remaining}")


def _erased(each: Erased) -> dict[str, Any]:
    return {"name": each.kind.name, "erased": each.erased, "remaining": each.remaining}


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, whole or not at all. Raise ``CommandError``."""
    import os

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise CommandError(f"{path} exists. Choose another file, or delete it.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _print_json(value: Any) -> None:
    click.echo(_json(value))
