"""Create a site: folder, configuration, database, seed data and administrator."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.cli.common import opened_site, say
from changemaker_core.config.site_files import OTHERS
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site

DATABASE_VARIABLE = "CHANGEMAKER_DATABASE_URL"
#: ``changemaker.toml`` of a new site. Keys that a site may need later are commented out.
TOML = """\
# The configuration of this site. An environment variable overrides a key: CHANGEMAKER_BASE_URL
# overrides base_url. Secrets are in the file .env in this folder.

# The organisation's name and look, its language, time zone and mail server are settings, which
# organisers change while the site runs (`changemaker settings list`). These keys lock them:
# organisation, default_locale, time_zone, mail_from, smtp_url.

# The public address of the site.
base_url = {base_url}

# "sqlite:///file", relative to this folder, or "postgresql://user@host/database".
# A URL with a password belongs in .env, as CHANGEMAKER_DATABASE_URL.
{database}

# The mail server, "smtp://host:port" or "smtps://…" (with a password: CHANGEMAKER_SMTP_URL in
# .env), and the sender. Without one, here or in the settings, mail is saved to data/mail.
# smtp_url = "smtp://localhost:25"
# mail_from = "Our name <mail@example.org>"

# Shows the mailbox page and the details of errors. Never turn it on for a public site.
development = {development}

# The installed plugins to load (default: all), and those to leave out.
# [plugins]
# allow = ["name"]
# deny = []
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSite:
    """The choices for a new site. ``demo`` adds the sample data of plugins."""

    folder: Path
    organisation: str
    admin_email: str
    locale: str = "en"
    base_url: str = "http://127.0.0.1:4000"
    database_url: str | None = None
    development: bool = False
    demo: bool = False


def create(new: NewSite) -> str:
    """Create the site and return its administrator's password, which is not stored in plain text.

    Raise ``CommandError`` if the folder holds a site already or cannot be written. If a later step
    fails, all that was made in the folder is removed, so that the command can be run again.
    """
    from changemaker_core.config import Config

    with _configuration_written(new):
        if new.demo:
            _append_demo_tables(new.folder)
        with opened_site(Config.load(new.folder)) as site:
            return _fill(site, new)


def check_folder(folder: Path) -> None:
    """Raise ``CommandError`` for a folder that holds a site, or in which others could change one.

    A folder that others can open is closed to them, and that is said.
    """
    for name in ("changemaker.toml", ".env"):
        if (folder / name).exists():
            raise CommandError(
                f"{folder / name} already exists: a site is never overwritten.\n"
                "Choose another folder, or use the site with `changemaker migrate` and `serve`."
            )
    if not folder.is_dir():
        return
    try:
        found, empty = folder.stat(), not any(folder.iterdir())
    except OSError as error:
        raise CommandError(f"Cannot read {folder}: {error.strerror}.") from error
    if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
        raise CommandError(
            f"{folder} belongs to another user, who could replace the site's files.\n"
            f"Run `changemaker init` as that user, or choose another folder."
        )
    if not empty and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CommandError(
            f"Other users of this machine can replace files in {folder}.\n"
            f"Run `chmod go-w {folder}` if they need not, or choose another folder."
        )
    if found.st_mode & OTHERS and found.st_uid == os.geteuid():
        folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        if not empty:
            say(f"{folder} is now closed to other users of this machine.")


def check_environment(folder: Path, database_url: str | None) -> None:
    """Raise an error for what a new site in ``folder`` cannot be made with, before anything is.

    ``ConfigError`` for variables with wrong names or values, ``DatabaseRefused`` or
    ``peewee.OperationalError`` for a database that cannot be used.
    """
    from changemaker_core.config import Config, ConfigError
    from changemaker_core.db import Database, migrations

    chosen = {} if database_url is None else {DATABASE_VARIABLE: database_url}
    config, problems = Config.read(folder, {**chosen, **os.environ})
    if wrong := tuple(problem for problem in problems if problem.where in os.environ):
        raise ConfigError(wrong)
    url = config.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return
    database = Database.open(url)
    try:
        migrations.state(database, [])
    finally:
        database.close()


@contextlib.contextmanager
def _configuration_written(new: NewSite) -> Iterator[None]:
    files = {"changemaker.toml": (_toml(new), 0o644), ".env": (_dotenv(new), 0o600)}
    check_folder(new.folder)
    with contextlib.ExitStack() as made:
        try:
            _make_folder(new.folder, made)
            for name, (text, mode) in files.items():
                _write_new(new.folder / name, text, mode, made)
            made.callback(_remove_all_but, new.folder, frozenset(new.folder.iterdir()))
        except OSError as error:
            where = error.filename or new.folder  # a full disk names no file
            raise CommandError(f"Cannot write {where}: {error.strerror}.") from error
        yield
        made.pop_all()  # nothing failed: they stay


def _make_folder(folder: Path, made: contextlib.ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    # Other users of the machine must not read the database and the mail.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in reversed(missing):
        made.callback(_remove_if_empty, each)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process has put something there: it stays
        folder.rmdir()


def _remove_all_but(folder: Path, found: frozenset[Path]) -> None:
    """Remove what came into a folder after its configuration, by which this process claimed it."""
    for path in set(folder.iterdir()) - found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _write_new(path: Path, text: str, mode: int, made: contextlib.ExitStack) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    made.callback(path.unlink)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _toml(new: NewSite) -> str:
    return TOML.format(
        base_url=_quoted(new.base_url),
        database=_database_line(new),
        development=str(new.development).lower(),
    )


def _append_demo_tables(folder: Path) -> None:
    """Append the configuration that plugins have for a demonstration."""
    from changemaker_core.config import Config
    from changemaker_core.plugin import manager
    from changemaker_core.site import core

    loaded = manager.survey(None, Config.load(folder), None, core=core()).loaded
    with (folder / "changemaker.toml").open("a", encoding="utf-8") as file:
        for plugin in loaded.plugins:
            if values := plugin.instance.demo_config:
                lines = [f"{key} = {_quoted(value)}" for key, value in values.items()]
                file.write("\n".join(["", f"[{plugin.name}]", *lines, ""]))


def _database_line(new: NewSite) -> str:
    if new.database_url is None:
        return 'database_url = "sqlite:///site.db"'
    if _is_secret(new.database_url):
        return "# database_url is in .env: it holds a password."
    return f"database_url = {_quoted(new.database_url)}"


def _is_secret(url: str) -> bool:
    from urllib.parse import urlsplit

    return urlsplit(url).password is not None


def _dotenv(new: NewSite) -> str:
    lines = ["# Secrets of this site. Keep a copy in a safe place, and do not share it."]
    lines.append(f"CHANGEMAKER_SECRET_KEY={secrets.token_urlsafe(48)}")
    if new.database_url is not None and _is_secret(new.database_url):
        lines.append(f"{DATABASE_VARIABLE}='{new.database_url}'")
    return "\n".join([*lines, ""])


def _quoted(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _fill(site: Site, new: NewSite) -> str:
    """Tables, settings, seed data, administrator."""
    from changemaker_core.db import migrations
    from changemaker_core.features.accounts.api import SUPER_ADMIN, create_user

    migrations.apply(site.db, site.migration_folders())
    _set_unless_locked(site, "organisation", "name", new.organisation)
    _set_unless_locked(site, "regional", "default_locale", new.locale)
    site.call_hook("cm_bootstrap_site", site=site, options={"demo": new.demo})
    _, password = create_user(site, email=new.admin_email, name="Administrator", role=SUPER_ADMIN)
    return password


def _set_unless_locked(site: Site, group: str, field: str, value: str) -> None:
    from changemaker_core.features.settings.api import change_settings

    found = site.settings.group(group)
    if found is not None and field not in found.locks:
        change_settings(site, group, {field: value})
