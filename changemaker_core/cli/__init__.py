"""The ``changemaker`` command. Each subcommand is a module of its own, loaded when needed.

Authors of commands (entry-point group ``changemaker.commands``) import ``site_option``,
``opened_site``, ``say`` and ``CommandError`` from here; everything else below is private.

Exit status: 0 success; 1 failure, with the reason on standard error; 2 wrong command line; 128 + N
after a second signal N.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import opened_site, say, site_option
from changemaker_core.server.errors import CommandError, expected_errors
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["CommandError", "main", "opened_site", "say", "site_option"]

ENTRY_POINTS = "changemaker.commands"

#: Core's own commands: import path, and the line in ``--help``.
COMMANDS = {
    "init": ("changemaker_core.cli.init:init", "Create a new site."),
    "migrate": ("changemaker_core.cli.migrate:migrate", "Bring the database up to date."),
    "migrations": (
        "changemaker_core.cli.migrations:migrations",
        "Write and check the migrations of a plugin.",
    ),
    "serve": ("changemaker_core.cli.serve:serve", "Serve the site and run its jobs."),
    "worker": ("changemaker_core.cli.worker:worker", "Run the site's jobs through Redis."),
    "demo": ("changemaker_core.cli.demo:demo", "Create and serve a demonstration site."),
    "users": ("changemaker_core.cli.users:users", "Create accounts."),
    "plugins": ("changemaker_core.cli.plugins:plugins", "List and explain plugins."),
    "doctor": (
        "changemaker_core.cli.doctor:doctor",
        "Report what is wrong with the site, and how to fix it.",
    ),
    "queues": ("changemaker_core.cli.queues:queues", "List, hold and release queues of jobs."),
    "jobs": ("changemaker_core.cli.jobs:jobs", "List and cancel jobs."),
    "routes": (
        "changemaker_core.cli.routes:routes",
        "List every route and the permission it requires.",
    ),
    "openapi": ("changemaker_core.cli.openapi:openapi", "Print the site's OpenAPI document."),
}

#: Commands of this project's other distributions: where each comes from.
COMPANIONS = {"deploy": "changemaker-deploy"}


class Commands(click.Group):
    """Core's commands and those of the ``changemaker.commands`` entry points, loaded when called.

    ``--help`` loads none of them: a broken third-party command is listed, and fails only when it is
    called.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(_third_parties())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            return _as_command(getattr(importlib.import_module(module), name))
        if (entry_point := _third_parties().get(cmd_name)) is not None:
            return _load(entry_point)
        if cmd_name in COMPANIONS and not ctx.resilient_parsing:
            name = COMPANIONS[cmd_name]
            raise CommandError(f"`changemaker {cmd_name}` is not installed: pip install {name}")
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not (name := args[0]).startswith("-") and self.get_command(ctx, name) is None:
            hint = did_you_mean(name, self.list_commands(ctx))
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        rows += [(name, f"From {_origin(ep)}.") for name, ep in sorted(_third_parties().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        with expected_errors():
            return super().invoke(ctx)


def _third_parties() -> dict[str, EntryPoint]:
    """Return the entry points of other distributions, as far as they can be read."""
    from changemaker_core.plugin.distributions import read

    return {point.name: point.entry_point for point in read(ENTRY_POINTS)[0]}


def _origin(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "unknown"


def _load(entry_point: EntryPoint) -> click.Command:
    try:
        return _as_command(entry_point.load())
    except Exception as error:
        raise CommandError(
            f"The command {entry_point.name!r} of {_origin(entry_point)} cannot be loaded: "
            f"{type(error).__name__}: {error}\nUpdate or uninstall that package."
        ) from error


def _as_command(found: object) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is not a click command")
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@site_option
@click.version_option(package_name="changemaker-core", prog_name="changemaker")
def main() -> None:
    """Run advocacy campaigns on your own server."""
