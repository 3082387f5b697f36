"""Shared by the commands about people."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise what the rules of accounts refuse as ``CommandError``."""
    from changemaker_core.features.accounts import api
    from changemaker_core.http.errors import Problem

    try:
        yield
    except (api.UnknownUser, api.UnknownRole) as error:
        raise CommandError(str(error)) from error
    except Problem as problem:
        details = [f"{error.message}" for error in problem.errors]
        raise CommandError("\n".join(details or [problem.detail or problem.title])) from problem


def print_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)))  # `Text`


def day(moment: datetime | None) -> str:
    """Return a moment as people read it in a table, in UTC."""
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
