"""``changemaker plugins``: lists what is installed and loaded, and explains why or why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import contains_site, no_site, say, site_folder, site_option
from changemaker_core.cli.survey import Surveyed, surveyed
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
        "order": _order(survey, plugin) if plugin else [],
        "implements": survey.loaded.hooks.implemented_by(plugin) if plugin else [],
        "offers": _offers(survey, name),
        "contributes": _contributes(found, plugin) if plugin else {},
        "problems": [
            f"{problem.problem} {problem.fix}"
            for problem in survey.problems
            if name in (problem.plugin, *problem.others)
        ],
    }


def _order(survey: Survey, plugin: LoadedPlugin) -> list[str]:
    """Return the reasons for a plugin's place in the load order."""
    loaded = {other.name for other in survey.loaded.plugins}
    after = plugin.instance.after
    ignored = {other for name, other in survey.order.ignored if name == plugin.name}
    lines = [] if plugin.core else ["after core's own features, which come first"]
    lines += [f"after {name}, which it requires" for name in plugin.instance.requires]
    lines += [f"after {n}, which it names in `after`" for n in after if n in loaded - ignored]
    lines += [f"not after {n}: the two would form a circle" for n in after if n in ignored]
    lines += [f"{n}, which it names in `after`, is absent" for n in after if n not in loaded]
    followers = [p for p in survey.loaded.plugins if plugin.name in p.instance.requires]
    lines += [f"before {p.name}, which requires it" for p in followers]
    return [*lines, "otherwise in alphabetical order"]


def _offers(survey: Survey, name: str) -> list[str]:
    hooks = survey.loaded.hooks
    return sorted(
        spec.signature for hook, spec in hooks.specs().items() if hooks.owner(hook) == name
    )


def _contributes(found: Surveyed, plugin: LoadedPlugin) -> dict[str, list[str]]:
    """The names of its contributions, by kind."""
    mine = found.plugins.loaded.contributed_by(plugin)
    named = {kind: [_name(item) for item in items] for kind, items in mine.items()}
    named["tables"] = [model._meta.table_name for model in mine["models"]]
    del named["models"]
    named |= _to_other_plugins(found, plugin)
    if plugin.instance.config is not None:
        named["configuration"] = list(plugin.instance.config.__struct_fields__)
    return {kind: names for kind, names in named.items() if names}


def _to_other_plugins(found: Surveyed, plugin: LoadedPlugin) -> dict[str, list[str]]:
    """The names of what it contributes to hooks of features and other plugins, by hook."""
    hooks = found.plugins.loaded.hooks
    by_hook: dict[str, list[str]] = {}
    for name in hooks.implemented_by(plugin):
        spec = hooks.specs()[name]
        if hooks.owner(name) != "core" and spec.item and spec.arguments == ("site",):
            items, _ = hooks.collect([plugin], name, {"site": found.site})
            by_hook[name] = [_name(contribution.item) for contribution in items]
    return by_hook


def _name(item: Any) -> str:
    names = (getattr(item, attribute, None) for attribute in ("path", "event", "name"))
    return str(next(filter(None, names), type(item).__name__))


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
