"""``changemaker plugins``: lists what is installed and loaded, and explains why or why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import contains_site, no_site, say, site_folder, site_option
from changemaker_core.cli.survey import Surveyed, surveyed
from changemaker_core.plugin.explaining import contributions_of, offers_of, order_of
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.plugin.loaded import LoadedPlugin, Skipped
    from changemaker_core.plugin.manager import Survey


@click.group()
@site_option
def plugins() -> None:
    """List and explain plugins, including broken ones."""


@plugins.command("list", short_help="List the installed plugins in load order.")
@site_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_plugins(as_json: bool) -> None:
    """List the installed plugins in load order, then those that are not loaded."""
    with surveyed(site_folder()) as found:
        rows = listed(found.plugins)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _table(rows):
        click.echo(line)
    for problem in _other_problems(found):
        say(problem)
    if any(row["status"] in ("failed", "blocked") for row in rows):
        say("For details, run `changemaker plugins explain NAME` or `changemaker doctor`.")


def _other_problems(found: Surveyed) -> list[str]:
    """Problems other than those of plugins, which are listed even without a site."""
    folder = found.config.site_dir
    # A plugin that is missing because of one has a line in the table.
    damages = [f"{each.detail} {each.fix}" for each in found.plugins.damages if not each.hides]
    if not contains_site(folder):
        return [no_site(folder)[0], *damages]
    return [*map(str, found.config_problems), *damages]


def listed(survey: Survey) -> list[dict[str, Any]]:
    """Return name, version, distribution and status of each plugin, and why it does not run."""
    wrong = {problem.plugin: problem.problem for problem in reversed(survey.problems)}
    loaded = survey.loaded.plugins
    rows = [_row(p, "failed" if p.name in wrong else "loaded", wrong.get(p.name)) for p in loaded]
    notes = sorted(survey.loaded.skipped, key=lambda note: (note.name, note.distribution or ""))
    return rows + [_row(note, note.status, note.reason) for note in notes]


def _row(plugin: LoadedPlugin | Skipped, status: str, reason: str | None) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "status": status,
        "reason": reason,
    }


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines with aligned columns; the reason comes last."""
    keys = ("name", "version", "distribution", "status")
    lines = [keys, *(tuple(str(row[key] or "-") for key in keys) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(keys))]
    reasons = ["", *(row["reason"] or "" for row in rows)]
    return [
        "  ".join([*map(str.ljust, line, widths), reason]).rstrip()
        for line, reason in zip(lines, reasons, strict=True)
    ]


@plugins.command(short_help="Explain one plugin.")
@site_option
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def explain(name: str, as_json: bool) -> None:
    """Show the position of NAME in the load order and why, its contributions and its problems."""
    with surveyed(site_folder()) as found:
        explanation = explained(found, name)
    if as_json:
        click.echo(json.dumps(explanation, indent=2))
        return
    for line in _lines(explanation):
        click.echo(line)


def explained(found: Surveyed, name: str) -> dict[str, Any]:
    """Return all that is known about one plugin. Raise ``CommandError`` if it is not installed."""
    from changemaker_core.text import did_you_mean

    survey = found.plugins
    rows = {row["name"]: row for row in listed(survey)}
    if name not in rows:
        hint = f"{did_you_mean(name, rows)} Installed are {', '.join(rows)}." if rows else ""
        raise CommandError(f"No plugin called {name!r} is installed.{hint}")
    plugin = survey.loaded.plugin(name)
    return rows[name] | {
        "position": survey.loaded.plugins.index(plugin) + 1 if plugin else None,
        "order": order_of(survey.loaded, plugin, survey.order.ignored) if plugin else [],
        "implements": survey.loaded.hooks.implemented_by(plugin) if plugin else [],
        "offers": offers_of(survey.loaded, name),
        "contributes": contributions_of(survey.loaded, plugin, found.site) if plugin else {},
        "problems": [
            f"{problem.problem} {problem.fix}"
            for problem in survey.problems
            if name in (problem.plugin, *problem.others)
        ],
    }


def _lines(explanation: dict[str, Any]) -> list[str]:
    """The explanation as text."""
    from changemaker_core.plugin.errors import described

    who = described(explanation["name"], explanation["distribution"], explanation["version"])
    place = f", number {explanation['position']} in load order" if explanation["position"] else ""
    lines = [f"{who}: {explanation['status']}{place}"]
    if explanation["reason"]:
        lines.append(f"  {explanation['reason']}")
    for title in ("problems", "order", "implements", "offers"):
        lines += _section(title, explanation[title])
    for kind, names in explanation["contributes"].items():
        lines += _section(kind, names)
    return lines


def _section(title: str, entries: list[str]) -> list[str]:
    """``operations_register_checks`` has the heading ``Operations: checks``."""
    heading = title.replace("_register_", ": ").replace("_", " ").capitalize()
    return ["", heading, *(f"  {entry}" for entry in entries)] if entries else []
