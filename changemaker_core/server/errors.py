"""Errors that an operator can fix, printed without a traceback."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Errors that the operator can fix: module, class, and a prefix of the message.
EXPECTED = (
    ("changemaker_core.backups.errors", "BackupError", ""),
    ("changemaker_core.config", "ConfigError", ""),
    ("changemaker_core.moving.errors", "MoveError", ""),
    ("changemaker_core.plugin.errors", "BootFailed", ""),
    ("changemaker_core.plugin.errors", "PluginError", ""),
    ("changemaker_core.db.errors", "DatabaseAhead", ""),
    ("changemaker_core.db.errors", "DatabaseRefused", ""),
    ("changemaker_core.db.errors", "MigrationFailed", ""),
    ("changemaker_core.db.errors", "MigrationsRefused", ""),
    ("changemaker_core.features.accounts.users.services", "AccountRefused", ""),
    ("peewee", "OperationalError", "The database cannot be used: "),
)


class CommandError(click.ClickException):
    """An error that the operator can fix: printed without a traceback, exit status 1."""

    exit_code = 1


@contextlib.contextmanager
def expected_errors() -> Iterator[None]:
    """Raise errors that an operator can fix as ``CommandError``; others are bugs and propagate.

    Only imported modules are searched: an error of any other cannot have been raised.
    """
    try:
        yield
    except Exception as error:
        for module, name, prefix in EXPECTED:
            if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
                raise CommandError(f"{prefix}{error}".strip()) from error
        raise


def is_database_away(error: click.ClickException) -> bool:
    """Return whether the database did not respond, which may be over in a moment."""
    peewee = sys.modules.get("peewee")
    return peewee is not None and isinstance(error.__cause__, peewee.OperationalError)
