"""Shared by the commands: ``--site``, the configuration, an open site, messages."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.config import Config
    from changemaker_core.identity.origin import Origin
    from changemaker_core.site import Site

    Command = TypeVar("Command", bound=Callable[..., Any])
    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")

FOLDER_VARIABLE = "CHANGEMAKER_SITE"
#: The type of ``--port``: the system takes what is larger modulo 65,536.
PORT = click.IntRange(0, 65_535)


def site_option(command: Command) -> Command:
    """Add ``--site DIR`` to a command. ``changemaker`` takes it before the command's name too."""
    option = click.option(
        "--site",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        callback=_store_site,
        is_eager=True,  # `--help` hides the commands of plugins that this site denies
        help=f"The site's folder [${FOLDER_VARIABLE}, else the working directory].",
    )
    return option(command)


def _store_site(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


def site_folder(ctx: click.Context | None = None) -> Path:
    """Return the absolute folder of the site.

    That is ``--site``, else ``CHANGEMAKER_SITE``, else the working directory.
    """
    chosen = (ctx or click.get_current_context()).find_root().obj
    return Path(chosen or os.environ.get(FOLDER_VARIABLE) or Path.cwd()).absolute()


def existing_site() -> Path:
    """Return the folder of the site. Raise ``CommandError`` if it contains none."""
    folder = site_folder()
    if not contains_site(folder):
        raise CommandError("\n".join(no_site(folder)))
    return folder


def contains_site(folder: Path) -> bool:
    """Return whether ``folder`` contains a site, in whatever state."""
    return (folder / "changemaker.toml").is_file()


def no_site(folder: Path) -> tuple[str, str]:
    """Return the error for a ``folder`` without a site, and its fix."""
    return (
        f"{folder} contains no site: it has no changemaker.toml.",
        f"Create one with `changemaker init {folder}`, or choose another folder with --site.",
    )


def load_config() -> Config:
    """Return the configuration of the site.

    Raise ``CommandError`` if the folder contains no site, and ``ConfigError`` with every problem of
    a wrong configuration.
    """
    from changemaker_core.config import Config

    return Config.load(existing_site())


@contextlib.contextmanager
def opened_site(config: Config | None = None) -> Iterator[Site]:
    """Open the site that the command is about, with all of its plugins, and close it afterwards.

    Raises ``CommandError``, ``ConfigError`` or ``BootFailed`` where it cannot be built; the command
    line prints each of them without a traceback.
    """
    from changemaker_core.config.site_files import keep_private
    from changemaker_core.identity.origin import current_origin
    from changemaker_core.site import Site

    keep_private()
    site = Site(config) if config else Site.load(existing_site())
    cause = current_origin.set(CommandLine())
    try:
        yield site
    finally:
        current_origin.reset(cause)
        site.close()


class CommandLine:
    """A command, as the cause of what it changes: the audit log names who called it."""

    @property
    def origin(self) -> Origin:
        from changemaker_core.identity.origin import Origin

        return Origin("command", name=user_name())


def user_name() -> str:
    """Return the name of the system's user who calls the command; of ``root`` by sudo, whose."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return ""


@contextlib.contextmanager
def _behind_explained(site: Site) -> Iterator[None]:
    """Raise ``CommandError`` in place of "no such column" where the database is behind."""
    try:
        yield
    except Exception as error:
        import peewee

        from changemaker_core.db import DatabaseUnavailable
        from changemaker_core.server.loading import check_migrations

        if isinstance(error, peewee.DatabaseError) and not isinstance(error, DatabaseUnavailable):
            try:
                check_migrations(site)
            except CommandError as behind:
                # Both: it may be `migrate` itself that failed, for another reason.
                reason = " ".join(str(error).split())
                raise CommandError(f"{reason}\n{behind.message}") from error
        raise


def pass_site(
    command: Callable[Concatenate[Site, Parameters], Result],
) -> Callable[Parameters, Result]:
    """Add ``--site DIR`` to a command, and pass the open site to it as its first argument.

    The site has all of its plugins, and is closed after the command. Where it cannot be opened, the
    reason is printed without a traceback.

    >>> @click.command()
    ... @pass_site
    ... def count(site: Site) -> None:
    ...     click.echo(site.db.sync.count(all_petitions()))
    """

    @functools.wraps(command)
    def opened(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with opened_site() as site, _behind_explained(site):
            return command(site, *args, **kwargs)

    return site_option(opened)


def invoked_as() -> str:
    """Return the command as it was typed: ``changemaker`` or ``.venv/bin/changemaker``."""
    typed = Path(sys.argv[0])
    if typed.name != "changemaker" or shutil.which("changemaker") == str(typed.absolute()):
        return "changemaker"
    return shlex.quote(str(typed))


def say(message: str) -> None:
    """Print ``message`` to standard error. Results go to standard output, by ``click.echo``."""
    click.echo(message, err=True)
