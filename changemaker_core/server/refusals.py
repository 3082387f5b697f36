"""Errors that an operator can fix, printed without a traceback."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Errors that the operator, not a programmer, can fix: module, name, and what to say first.
EXPECTED = (
    ("changemaker_core.config", "ConfigError", ""),
    ("changemaker_core.plugin.errors", "BootFailed", ""),
    ("changemaker_core.plugin.errors", "PluginError", ""),
    ("changemaker_core.db.errors", "MigrationFailed", ""),
    ("changemaker_core.features.accounts.services", "AccountRefused", ""),
    ("peewee", "OperationalError", "the database cannot be used: "),
)


class Refusal(click.ClickException):
    """An error that the operator can fix: printed without a traceback, with exit status 1."""

    exit_code = 1


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors that an operator can fix into ``Refusal``; others are bugs and pass."""
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
