"""``changemaker settings``: shows and changes what organisers set, and encrypts secrets anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from changemaker_core.features.settings.schemas import FieldOut, VersionOut
    from changemaker_core.settings.reading import Group
    from changemaker_core.site import Site


@click.group()
def settings() -> None:
    """Show and change settings. Processes that serve the site use a change within a second."""


@settings.command("list")
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_settings(site: Site, as_json: bool) -> None:
    """Print every setting with its value, and where the operator has locked it."""
    from changemaker_core.features.settings.views import group_out

    groups = [group_out(site, group, "en") for group in site.settings.groups]
    if as_json:
        _print_json(groups)
        return
    for group in groups:
        by = f", version {group.version} by {group.changed_by}" if group.version else ""
        click.echo(f"{group.label}{by}")
        for field in group.fields:
            click.echo(f"  {group.name} {field.name} = {_shown(field)}")


@settings.command()
@pass_site
@click.argument("group")
@click.argument("field", required=False)
def get(site: Site, group: str, field: str | None) -> None:
    """Print the value of FIELD in GROUP, or of all its fields, as JSON. A secret is not printed."""
    from changemaker_core.features.settings.views import group_out

    fields = {each.name: each for each in group_out(site, _group(site, group), "en").fields}
    if field is None:
        _print_json(
            {
                name: ("set" if each.is_set else "not set") if each.kind == "secret" else each.value
                for name, each in fields.items()
            }
        )
        return
    if field not in fields:
        raise CommandError(f"{group} has no setting {field!r}.{did_you_mean(field, fields)}")
    if fields[field].kind == "secret":
        click.echo("set" if fields[field].is_set else "not set")
    else:
        _print_json(fields[field].value)


@settings.command("set", short_help="Change settings.")
@pass_site
@click.argument("group")
@click.argument("values", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_settings(site: Site, group: str, values: tuple[str, ...]) -> None:
    """Change fields of GROUP: to text, a number, true or false, or JSON for lists and languages.

    With FIELD=- the value is read from standard input, so that a secret is in no history of
    commands. All of them are changed, or none.
    """
    found = _group(site, group)
    given: dict[str, Any] = {}
    for each in values:
        field, equals, text = each.partition("=")
        if not equals:
            raise CommandError(f"{each!r} is not FIELD=VALUE.")
        given[field] = _parsed(found, field, text)
    _change(site, group, given)


@settings.command(short_help="Take settings back to their defaults.")
@pass_site
@click.argument("group")
@click.argument("fields", nargs=-1)
def reset(site: Site, group: str, fields: tuple[str, ...]) -> None:
    """Take FIELDS of GROUP, or all that the operator has not locked, back to their defaults."""
    found = _group(site, group)
    unlocked = (name for name in found.fields if name not in found.locks)
    _change(site, group, dict.fromkeys(fields or unlocked))


@settings.command()
@pass_site
@click.argument("group")
@click.option(
    "--limit",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    help="How many versions to print.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def history(site: Site, group: str, limit: int, as_json: bool) -> None:
    """Print the versions of GROUP, the latest first: when, by whom, and what they changed."""
    from changemaker_core.features.settings import services, views
    from changemaker_core.features.settings.queries import versions

    found = _group(site, group)
    rows = site.db.sync.all(versions(group, services.LATEST, limit=limit + 1))
    shown = views.history(found, rows, limit, str)
    if as_json:
        _print_json(shown)
        return
    secrets = {name for name, field in found.fields.items() if field.is_secret}
    for version in shown:
        click.echo("\n".join(_described(version, secrets)))
    if not shown:
        say(f"Nothing was ever set in {group}.")


@settings.command(short_help="Return to an earlier version.")
@pass_site
@click.argument("group")
@click.argument("version", type=click.IntRange(min=0))
def rollback(site: Site, group: str, version: int) -> None:
    """Return GROUP to VERSION, as a new version; 0 stands for the defaults."""
    from changemaker_core.features.settings import queries, services
    from changemaker_core.features.settings.mailserver import check_server_now

    found = _group(site, group)
    before = site.settings.reading(group).version
    then = site.db.sync.one(queries.version(group, version))
    try:
        check_server_now(site, found, {} if then is None else then.data)
        site.db.sync.write(services.roll_back, site.settings, found, version)
    except services.UnknownVersion as error:
        raise CommandError(
            f"{error}: `changemaker settings history {group}` lists them."
        ) from error
    except services.SettingsInvalid as error:
        raise CommandError(f"Version {version} of {group} cannot be used: {error}") from error
    if site.settings.reading(group).version == before:
        say(f"Nothing was changed: {group} is as in version {version} already.")
    else:
        say(f"{group} is as in version {version} (now {site.settings.reading(group).version}).")


@settings.command("rotate-secrets", short_help="Encrypt secrets with the new secret_key.")
@pass_site
def rotate_secrets(site: Site) -> None:
    """Encrypt every secret in the database with the present secret_key, those of plugins too.

    After secret_key was replaced, with the former one in previous_secret_keys: once this is done,
    nothing in the database needs the former one any more.
    """
    from changemaker_core import BadSeal
    from changemaker_core.features.settings.api import rotate_secrets as rotate

    try:
        count = site.db.sync.write(rotate, site)
    except BadSeal as error:
        raise CommandError(f"Nothing was changed. {error}.") from error
    say(f"{count} secrets in the database are encrypted with the present secret_key.")


@settings.command("test-mail", short_help="Send a message as a test.")
@pass_site
@click.argument("address")
def test_mail(site: Site, address: str) -> None:
    """Send a message to ADDRESS through the mail server that is set, and say what fails."""
    from changemaker_core.features.settings import mailtest
    from changemaker_core.mail import Address, HeaderInjection, InvalidAddress

    try:
        to = Address("", address)
    except (InvalidAddress, HeaderInjection) as error:
        raise CommandError(f"ADDRESS: {error}.") from error
    chosen = site.mail_settings
    if (doubt := site.mail_choice.doubt()) is not None:
        raise CommandError(f"No mail is sent: {doubt.rstrip('.')}.")
    if chosen.server is None:
        raise CommandError("No mail server is set: neither smtp_url nor the settings name one.")
    trial = mailtest.try_settings(site, chosen, to)
    server = f"{chosen.server.host}:{chosen.server.port}"
    if trial.failed is not None:
        # The error of a connection names the server itself.
        named = "" if server in trial.error else f"{server}, "
        raise CommandError(f"{named}step {trial.failed}: {trial.error}")
    say(f"{server} has taken the message to {address}.")


def _group(site: Site, name: str) -> Group:
    group = site.settings.group(name)
    if group is None:
        known = [each.name for each in site.settings.groups]
        listed = ", ".join(known)
        hint = did_you_mean(name, known)
        raise CommandError(
            f"There is no group of settings called {name!r}.{hint}\nGroups: {listed}."
        )
    return group


def _parsed(group: Group, field: str, text: str) -> Any:
    from changemaker_core.settings.fields import Wrong

    if text == "-":
        text = _read_value(group, field)
    known = group.fields.get(field)
    try:
        return text if known is None else known.read_text(text)
    except Wrong as error:
        raise CommandError(f"{group.name} {field}: {error.message}") from error


def _change(site: Site, group: str, values: dict[str, Any]) -> None:
    from changemaker_core.features.settings.api import SettingsInvalid, change_settings

    try:
        change_settings(site, group, values)
    except SettingsInvalid as error:
        lines = [f"{group} {name}: {text}" for name, text in error.problems.items()]
        found = _group(site, group)
        left = [name for name in error.problems if name in found.fields and name not in values]
        if secrets := [name for name in left if found.fields[name].is_secret]:
            entered = " ".join(f"{name}=-" for name in secrets)
            lines.append(f"Add {entered} to the command: it is asked for, or read from a pipe.")
        raise CommandError("\n".join(lines)) from error
    say(f"The settings of {group} are changed (version {site.settings.reading(group).version}).")


def _read_value(group: Group, field: str) -> str:
    known = group.fields.get(field)
    if sys.stdin.isatty() and known is not None and known.is_secret:
        return str(click.prompt(str(known.setting.label), hide_input=True, err=True))
    return sys.stdin.read().rstrip("\n")


def _shown(field: FieldOut) -> str:
    import msgspec

    if field.kind == "secret":
        text = "(secret, set)" if field.is_set else "(secret, not set)"
    else:
        text = msgspec.json.encode(field.value).decode()
    if field.locked is not None:
        text += f"  (locked: {field.locked})"
    if field.problem is not None:
        text += f"  (what is stored cannot be used: {field.problem})"
    return text


def _described(version: VersionOut, secrets: Collection[str]) -> Iterator[str]:
    at = version.changed_at.strftime("%Y-%m-%d %H:%M UTC")
    restores = "" if version.restores is None else f", back to {version.restores}"
    yield f"{version.version}  {at}  {version.changed_by}{restores}"
    for change in version.changes:
        secret = change.field in secrets
        before, after = (_change_shown(each, secret) for each in (change.before, change.after))
        yield f"    {change.field}: {before} -> {after}"


def _change_shown(value: Any, secret: bool) -> str:
    """Return one side of a change, as `settings get` prints it."""
    import msgspec

    if secret:
        return "(secret, set)" if value else "(secret, not set)"
    return "(default)" if value is None else msgspec.json.encode(value).decode()


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
