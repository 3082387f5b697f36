"""What the commands share: the site's folder, its configuration, and errors said plainly."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.config import Config
    from changemaker_core.site import Site

    Command = TypeVar("Command", bound=Callable[..., Any])

#: Errors that the operator, not a programmer, can mend: module, name, and what to say first.
EXPECTED = (
    ("changemaker_core.config", "ConfigError", ""),
    ("changemaker_core.plugin.errors", "BootFailed", ""),
    ("changemaker_core.plugin.errors", "PluginError", ""),
    ("changemaker_core.db.errors", "MigrationFailed", ""),
    ("changemaker_core.features.accounts.services", "AccountRefused", ""),
    ("peewee", "OperationalError", "the database cannot be used: "),
)
FOLDER_VARIABLE = "CHANGEMAKER_SITE"


class Refusal(click.ClickException):
    """Something that the operator can mend: printed without a traceback, exit status 1."""

    exit_code = 1


def site_option(command: Command) -> Command:
    """Let a command take ``--site DIR`` after its name, as the group does before it."""
    option = click.option(
        "--site",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        callback=_keep_site,
        help=f"The site's folder [${FOLDER_VARIABLE}, else the working directory].",
    )
    return option(command)


def _keep_site(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


def site_folder() -> Path:
    """The folder of the site that this command is about, absolute.

    ``--site``, else ``CHANGEMAKER_SITE``, else the working directory.
    """
    chosen = click.get_current_context().find_root().obj
    return Path(chosen or os.environ.get(FOLDER_VARIABLE) or Path.cwd()).absolute()


def existing_site() -> Path:
    """The folder of the site. Raises ``Refusal`` where it holds none."""
    folder = site_folder()
    if not holds_site(folder):
        raise Refusal("\n".join(no_site(folder)))
    return folder


def holds_site(folder: Path) -> bool:
    """Whether there is a site in ``folder``, in whatever state."""
    return (folder / "changemaker.toml").is_file()


def no_site(folder: Path) -> tuple[str, str]:
    """What to say where ``folder`` holds no site, and what to do about it."""
    return (
        f"{folder} holds no site: there is no changemaker.toml in it.",
        f"Make one with `changemaker init {folder}`, or name another folder with --site.",
    )


def load_config() -> Config:
    """The site's configuration. Raises ``Refusal`` where the folder holds no site, and
    ``ConfigError``, with every problem at once, where it holds a wrong one."""
    from changemaker_core.config import Config

    return Config.load(existing_site())


@contextlib.contextmanager
def opened_site(config: Config | None = None) -> Iterator[Site]:
    """The site with all of its plugins, closed afterwards."""
    from changemaker_core.site import Site

    site = Site(config or load_config())
    try:
        yield site
    finally:
        site.close()


def say(message: str) -> None:
    """Print for a person. Results for machines go to standard output by ``click.echo``."""
    click.echo(message, err=True)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors that an operator can mend into ``Refusal``; others are bugs and pass."""
    try:
        yield
    except Exception as error:
        plain = _said_plainly(error)
        if plain is None:
            raise
        raise Refusal(plain) from error


def database_is_away(refusal: click.ClickException) -> bool:
    """Whether this was said because the database did not answer, as it may do in a moment."""
    peewee = sys.modules.get("peewee")
    return peewee is not None and isinstance(refusal.__cause__, peewee.OperationalError)


def _said_plainly(error: Exception) -> str | None:
    """What to tell the operator; None where the error is a bug.

    Looks at what is already imported: an error whose room was never loaded cannot be one of it.
    """
    for module, name, prefix in EXPECTED:
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return f"{prefix}{error}".strip()
    return None
