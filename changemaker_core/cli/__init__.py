"""The ``changemaker`` command. Each subcommand is a module of its own, loaded when needed.

Authors of commands (entry-point group ``changemaker.commands``) import ``pass_site``, ``say`` and
``CommandError`` from here; everything else below is private.

Exit status: 0 success; 1 failure, with the reason on standard error; 2 wrong command line; 130
after Ctrl-C; 128 + N after a second signal N to a server.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import signal
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import contains_site, pass_site, say, site_folder, site_option
from changemaker_core.server.errors import CommandError, expected_errors
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

__all__ = ["CommandError", "main", "pass_site", "say"]

ENTRY_POINTS = "changemaker.commands"
PLUGINS = "changemaker.plugins"

#: Core's own commands: import path, and the line in ``--help``.
COMMANDS = {
    "init": ("changemaker_core.cli.creating.init:init", "Create a new site."),
    "migrate": ("changemaker_core.cli.migrate:migrate", "Bring the database up to date."),
    "migrations": (
        "changemaker_core.cli.migrations:migrations",
        "Write and check the migrations of a plugin.",
    ),
    "translations": (
        "changemaker_core.cli.translations:translations",
        "List a plugin's texts without translation, and add them to its catalogue.",
    ),
    "serve": ("changemaker_core.cli.serve:serve", "Serve the site and run its jobs."),
    "worker": ("changemaker_core.cli.worker:worker", "Run the site's jobs through Redis."),
    "demo": ("changemaker_core.cli.creating.demo:demo", "Create and serve a demonstration site."),
    "users": ("changemaker_core.cli.team.users:users", "Manage the accounts of users."),
    "roles": ("changemaker_core.cli.team.roles:roles", "List roles and what they allow."),
    "keys": ("changemaker_core.cli.keys:keys", "List, create and revoke API keys."),
    "settings": (
        "changemaker_core.cli.settings:settings",
        "Show and change settings, and encrypt secrets anew.",
    ),
    "audit": (
        "changemaker_core.cli.audit:audit",
        "List what was changed and by whom, export it, and verify it.",
    ),
    "plugins": ("changemaker_core.cli.plugins:plugins", "List and explain plugins."),
    "doctor": (
        "changemaker_core.cli.doctor:doctor",
        "Report what is wrong with the site, and how to fix it.",
    ),
    "backup": (
        "changemaker_core.cli.backup.backup:backup",
        "Copy the whole site into an archive while it runs.",
    ),
    "restore": ("changemaker_core.cli.backup.restore:restore", "Make a site of a backup."),
    "restore-drill": (
        "changemaker_core.cli.backup.drill:restore_drill",
        "Prove that a backup can be restored.",
    ),
    "move-database": (
        "changemaker_core.cli.backup.move_database:move_database",
        "Move the site from one database to another.",
    ),
    "queues": ("changemaker_core.cli.queues:queues", "List, hold and release queues of jobs."),
    "jobs": ("changemaker_core.cli.jobs:jobs", "List and cancel jobs."),
    "mail": ("changemaker_core.cli.mail:mail", "Make the key that signs the site's mail."),
    "mail-templates": (
        "changemaker_core.cli.mail_templates:mail_templates",
        "Show and change the texts of the site's mail.",
    ),
    "privacy": (
        "changemaker_core.cli.privacy:privacy",
        "Export and erase what is stored about a person, and what is too old.",
    ),
    "webhooks": (
        "changemaker_core.cli.webhooks:webhooks",
        "Notify other programs of what happens.",
    ),
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
        return [*COMMANDS, *sorted(_third_parties().keys() - _left_out(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            return _as_command(getattr(importlib.import_module(module), name))
        if (entry_point := _third_parties().get(cmd_name)) is not None:
            if reason := _left_out(ctx).get(cmd_name):
                raise CommandError(f"`changemaker {cmd_name}` is left out of this site: {reason}")
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
        hidden = _left_out(ctx)
        rows += [
            (name, _summary(ep))
            for name, ep in sorted(_third_parties().items())
            if name not in hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        with expected_errors(), _suggestions(), _stopped():
            return super().invoke(ctx)


def _third_parties() -> dict[str, EntryPoint]:
    """Return the entry points of other distributions, as far as they can be read."""
    from changemaker_core.plugin.distributions import read

    return {point.name: point.entry_point for point in read(ENTRY_POINTS)[0]}


def _left_out(ctx: click.Context) -> dict[str, str]:
    """Return the commands of distributions whose plugins this site leaves out, with the reason.

    Of a distribution without plugins, no command is left out.
    """
    folder = site_folder(ctx)
    commands = _third_parties()
    if not commands or not contains_site(folder):
        return {}
    from changemaker_core.config import Config
    from changemaker_core.plugin.distributions import read

    config, _ = Config.read(folder)
    offered: dict[str, list[str]] = {}
    for point in read(PLUGINS)[0]:
        offered.setdefault(point.distribution, []).append(point.name)
    reasons: dict[str, str] = {}
    for name, entry_point in commands.items():
        plugins = offered.get(entry_point.dist.name, []) if entry_point.dist else []
        if plugins and not any(config.loads(plugin) for plugin in plugins):
            reasons[name] = f"its plugin {', '.join(plugins)} is denied, or not allowed."
    return reasons


@contextlib.contextmanager
def _stopped() -> Iterator[None]:
    """Say that Ctrl-C stopped the command, and that a question found nobody to answer it."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        # click raises Abort for an answer that is no, and for what it met at a question
        if isinstance(error.__context__, EOFError):
            raise CommandError(
                "Standard input ended before the question was answered. --yes asks no questions."
            ) from None
        if isinstance(error, click.Abort) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        say("\nStopped.")
        raise click.exceptions.Exit(128 + signal.SIGINT) from None


@contextlib.contextmanager
def _suggestions() -> Iterator[None]:
    """Add a suggestion to the error for an unknown command of a group, where click has none."""
    try:
        yield
    except click.UsageError as error:
        group = error.ctx.command if error.ctx else None
        unknown = re.search(r"No such command '([^']+)'", error.message)
        if unknown and isinstance(group, click.Group) and error.ctx:
            hint = did_you_mean(unknown[1], group.list_commands(error.ctx))
            raise click.UsageError(f"{unknown[0]}.{hint}", error.ctx) from error
        raise


def _origin(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "unknown"


def _summary(entry_point: EntryPoint) -> str:
    """Return the line of a command: what its distribution says of itself, and which that is."""
    summary = entry_point.dist.metadata["Summary"] if entry_point.dist else None
    origin = _origin(entry_point)
    return f"{summary.strip().rstrip('.')} ({origin})." if summary else f"From {origin}."


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
