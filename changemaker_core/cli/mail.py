"""``changemaker mail``: makes the key that signs the site's mail (DKIM)."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.site import Site

_EXISTS = "{file} exists already: choose another --selector, or move it away."


@click.group()
def mail() -> None:
    """Make the key that signs the site's mail."""


@mail.command("dkim-key")
@pass_site
@click.option(
    "--selector", default="changemaker", show_default=True, help="The name of the key in the DNS."
)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def dkim_key(site: Site, selector: str, as_json: bool) -> None:
    """Make a key that signs mail (DKIM), and print the record that publishes it.

    For a new key in place of an old one, choose another selector: mail that is on its way is
    verified with the old record.
    """
    from changemaker_core.config import dkim_key as keys

    if not keys.SELECTOR.fullmatch(selector):
        raise CommandError(f"{selector!r} is not a selector: use a-z, 0-9 and -.")
    domain = site.mail_settings.sender.domain
    if domain == "localhost":
        raise CommandError("Set mail_from first: the key is published in the DNS of its domain.")
    file = _data_folder(site.config.site_dir) / f"dkim-{selector}.key"
    if file.exists():
        raise CommandError(_EXISTS.format(file=file))
    _write_new(file, keys.new_key())
    name = keys.record_name(selector, domain)
    value = keys.record_value(keys.load_key(file))
    if as_json:
        made = {"file": str(file), "selector": selector, "name": name, "value": value}
        click.echo(json.dumps(made))
        return
    say(f"Wrote {file}, which only its owner can read.")
    click.echo(
        f"\nAdd this TXT record to the DNS of your domain:\n\n{keys.zone_line(name, value)}\n"
    )
    click.echo("Then add to changemaker.toml, above its first table, and reload the site:\n")
    click.echo(f'dkim_selector = "{selector}"\ndkim_key_file = "data/{file.name}"')
    say("\n`changemaker doctor` tells whether the DNS has the record.")


def _data_folder(site_dir: Path) -> Path:
    """Return the folder of what a site writes, which its containers have too."""
    from changemaker_core.config.site_files import private_folder

    folder = site_dir / "data"
    if not folder.is_dir():
        private_folder(folder)
        if os.geteuid() == 0:
            owner = site_dir.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


def _write_new(file: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, complete or not at all. Replaces none."""
    new = file.with_name(f"{file.name}.new-{os.getpid()}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            if os.geteuid() == 0:  # the site runs as the owner of its folder, and must read it
                owner = file.parent.stat()
                os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.link(new, file)
    except FileExistsError as error:
        raise CommandError(_EXISTS.format(file=file)) from error
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            new.unlink()
