"""``changemaker mail-templates``: shows and changes the texts of the site's mail."""

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import CommandLine, pass_site, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db import Tx
    from changemaker_core.features.mailtemplates.declarations import Content
    from changemaker_core.features.mailtemplates.editing import Editing
    from changemaker_core.features.mailtemplates.queries import Stored
    from changemaker_core.site import Site

_language = click.argument("language", default="en")


@click.group("mail-templates")
def mail_templates() -> None:
    """Show and change the texts of the site's mail.

    NAME is that of a template, as `list` shows it; LANGUAGE a code such as fr [default: en].
    """


@mail_templates.command("list")
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_templates(site: Site, as_json: bool) -> None:
    """List the mails of the site, and which texts are the site's own."""
    import msgspec

    from changemaker_core.features.mailtemplates.queries import current_versions
    from changemaker_core.features.mailtemplates.views import listed

    found = listed(site, site.db.sync.all(current_versions()), str)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for template in found:
        states = " ".join(
            f"{each.language}{'*' if each.source == 'own' else ''}{'!' if each.mistakes else ''}"
            for each in template.languages
        )
        click.echo(f"{template.name:32} {states:12} {template.title}")
    if not found:
        click.echo("No plugin of this site has a mail template.")
    elif not as_json:
        say("* a text of this site's own   ! has a mistake, and is not sent")


@mail_templates.command()
@pass_site
@click.argument("name")
@_language
@click.option("--shipped", is_flag=True, help="Show the text that the plugin ships.")
@click.option("--json", "as_json", is_flag=True, help="Print an object, with the variables.")
def show(site: Site, name: str, language: str, shipped: bool, as_json: bool) -> None:
    """Print a text: its subject, an empty line, and the rest.

    `set` reads what this prints.
    """
    import msgspec

    from changemaker_core.features.mailtemplates.views import detail

    editing = _editing(site, name, language)
    stored = _stored(editing)
    if as_json:
        found = detail(site, editing.template, editing.language, stored, str)
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        click.echo(_written(editing.shipped if shipped else _in_force(editing, stored)))


@mail_templates.command()
@pass_site
@click.argument("name")
@_language
def edit(site: Site, name: str, language: str) -> None:
    """Change a text in your editor ($EDITOR): the subject is the first line."""
    editing = _editing(site, name, language)
    stored = _stored(editing)
    written = _written(_in_force(editing, stored))
    edited = click.edit(written, extension=".txt")
    if edited is None or edited.strip() == written.strip():
        say("Nothing was changed.")
        return
    content = _read(edited)
    _change(lambda tx: editing.save(tx, content, stored.number if stored else 0), editing, edited)
    say(f"Saved. Mails in {editing.language} have this text from now on.")


@mail_templates.command("set")
@pass_site
@click.argument("name")
@_language
@click.option("--file", "source", type=click.File(), default="-", help="[default: standard input]")
def set_text(site: Site, name: str, language: str, source: IO[str]) -> None:
    """Replace a text by a file: its first line is the subject."""
    editing = _editing(site, name, language)
    content = _read(source.read())
    _change(lambda tx: editing.save(tx, content, None), editing)
    say("Saved.")


@mail_templates.command()
@pass_site
@click.argument("name")
@_language
@click.option("--html", is_flag=True, help="Print the HTML part.")
def preview(site: Site, name: str, language: str, html: bool) -> None:
    """Print the mail, with samples in place of values."""
    from changemaker_core.features.mailtemplates.declarations import check
    from changemaker_core.features.mailtemplates.editing import HasMistakes

    editing = _editing(site, name, language)
    content = _in_force(editing, _stored(editing))
    try:
        editing.check(content)
    except HasMistakes as error:
        raise CommandError("\n".join(map(str, error.mistakes))) from error
    template = editing.template
    mail = template.render(site, check(template, content), template.samples(site), editing.language)
    click.echo(mail.html if html else f"{mail.subject}\n\n{mail.text}", nl=False)


@mail_templates.command()
@pass_site
@click.argument("name")
@_language
def reset(site: Site, name: str, language: str) -> None:
    """Go back to the text that the plugin ships. The history remains."""
    editing = _editing(site, name, language)
    _change(lambda tx: editing.reset(tx, None), editing)
    say("The shipped text is sent from now on.")


@mail_templates.command()
@pass_site
@click.argument("name")
@click.argument("language")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
def rollback(site: Site, name: str, language: str, number: int) -> None:
    """Restore the version NUMBER, as `history` shows it."""
    editing = _editing(site, name, language)
    before = _stored(editing)
    _change(lambda tx: editing.roll_back(tx, number, None), editing)
    if _stored(editing) == before:
        say(f"Nothing was changed: the text is the one of version {number} already.")
    else:
        say(f"Version {number} is restored.")


@mail_templates.command()
@pass_site
@click.argument("name")
@_language
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def history(site: Site, name: str, language: str, as_json: bool) -> None:
    """List the versions of a text, and what each changed; the last one first."""
    from changemaker_core.features.mailtemplates.editing import changes, content_of
    from changemaker_core.features.mailtemplates.queries import versions

    editing = _editing(site, name, language)
    found = site.db.sync.all(
        versions(name=editing.template.name, language=editing.language, limit=100)
    )
    rows: list[dict[str, Any]] = []
    for stored, before in zip(found, [*found[1:], None], strict=True):
        earlier = content_of(before) or editing.shipped
        rows.append(
            {
                "number": stored.number,
                "changed_at": f"{stored.changed_at:%Y-%m-%dT%H:%M:%SZ}",
                "changed_by": stored.changed_by,
                "changes": changes(earlier, content_of(stored) or editing.shipped),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['number']}  {row['changed_at']}  {row['changed_by']}")
        click.echo("".join(f"    {line}\n" for line in row["changes"]), nl=False)
    if not rows:
        say("Nothing was ever changed.")


def _editing(site: Site, name: str, language: str) -> Editing:
    from changemaker_core.features.mailtemplates.catalogue import (
        UnknownLanguage,
        UnknownTemplate,
        language_of,
        template_of,
    )
    from changemaker_core.features.mailtemplates.editing import Editing

    try:
        return Editing(site, template_of(site, name), language_of(language), _who())
    except (UnknownTemplate, UnknownLanguage) as error:
        raise CommandError(str(error)) from error


def _who() -> str:
    return CommandLine().origin.author


def _stored(editing: Editing) -> Stored | None:
    from changemaker_core.features.mailtemplates.queries import current_versions

    found = editing.site.db.sync.all(current_versions(name=editing.template.name))
    return next((each for each in found if each.language == editing.language), None)


def _in_force(editing: Editing, stored: Stored | None) -> Content:
    from changemaker_core.features.mailtemplates.editing import content_of

    return content_of(stored) or editing.shipped


def _written(content: Content) -> str:
    return f"{content.subject}\n\n{content.text}"


def _read(written: str) -> Content:
    from changemaker_core.config.characters import visible_line, visible_lines
    from changemaker_core.features.mailtemplates.declarations import Content

    subject, _, text = written.replace("\r\n", "\n").lstrip("\ufeff").partition("\n")
    return Content(visible_line(subject).strip(), visible_lines(text).strip("\n"))


def _change(change: Callable[[Tx], object], editing: Editing, edited: str = "") -> None:
    """Make a change. What was ``edited`` is printed where it is not saved, so that nothing that
    was typed is lost."""
    from changemaker_core.db import RowNotFound
    from changemaker_core.features.mailtemplates.editing import HasMistakes
    from changemaker_core.features.mailtemplates.services import ChangedMeanwhile

    try:
        editing.site.db.sync.write(change)
        return
    except HasMistakes as error:
        problem = "\n".join(map(str, error.mistakes))
    except ChangedMeanwhile as error:
        who = error.current.changed_by if error.current else "another process"
        problem = f"{who} changed this text meanwhile."
    except RowNotFound:
        problem = "There is no such version. `changemaker mail-templates history` lists them."
    if edited:
        click.echo(edited, file=sys.stdout)
        say("This was not saved:")
    raise CommandError(problem)
