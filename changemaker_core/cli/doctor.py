"""``changemaker doctor``: runs every check of core and plugins, and says what to fix.

A check is brought by the room or plugin that it is about, through the hook
``operations_register_checks``. Configuration and plugins are looked at here: they are known before
there is a site, and stay readable while one of them is broken.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import contains_site, no_site, site_folder, site_option
from changemaker_core.cli.survey import Surveyed, surveyed
from changemaker_core.config.errors import UNREAD
from changemaker_core.diagnostics import Finding
from changemaker_core.features.operations.findings import run_checks
from changemaker_core.plugin.errors import configuration_problems, described

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from changemaker_core.config import ConfigProblem
    from changemaker_core.plugin.errors import PluginError

MARKS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


@click.command()
@site_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def doctor(as_json: bool) -> None:
    """Check configuration, plugins, database, mail, secrets and disk, and say what to fix.

    Exits with status 1 if a problem keeps the site from working.
    """
    with surveyed(site_folder()) as found:
        findings = list(_all_findings(found))
    if as_json:
        rows = [{"name": name, **asdict(finding)} for name, finding in findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        for name, finding in findings:
            click.echo(f"{MARKS[finding.status]}  {name}: {finding.detail}")
            if finding.fix:
                click.echo(f"         {finding.fix}")
    sys.exit(int(any(finding.status == "error" for _, finding in findings)))


def _all_findings(found: Surveyed) -> Iterator[tuple[str, Finding]]:
    """Yield each finding with the name of its check: of the configuration and the plugins, then
    those of ``run_checks``, which is not about keys that are not valid."""
    checks = found.plugins.loaded.offered("operations_register_checks")
    yield from (("configuration", finding) for finding in _configuration(found))
    yield from (("plugins", finding) for finding in _plugins(found))
    yield from (("libraries", finding) for finding in _libraries())
    if not contains_site(found.config.site_dir):
        return  # the rest would be about a site that does not exist
    wrong = [*found.config_problems, *configuration_problems(found.plugins.problems)]
    yield from run_checks(checks, found.site, is_uncertain=partial(_is_uncertain, wrong))


def _is_uncertain(problems: Sequence[ConfigProblem], keys: Collection[str]) -> bool:
    """Whether one of the keys has its default because what was written could not be used."""
    wrong = {problem.key for problem in problems}
    return bool(keys) and not wrong.isdisjoint({*keys, *UNREAD})


def _libraries() -> Iterator[Finding]:
    """Report libraries whose insides are not those that core was tested with."""
    from changemaker_core.http import falcon_bridge
    from changemaker_core.server import web

    for concern in (falcon_bridge.concern(), web.concern()):
        if concern is not None:
            yield Finding(
                "warning", concern, "`pip install changemaker-core` installs a tested one."
            )


def _configuration(found: Surveyed) -> Iterator[Finding]:
    if not contains_site(found.config.site_dir):
        yield Finding("error", *no_site(found.config.site_dir))
        return
    for problem in found.config_problems:
        yield Finding("error", str(problem), f"Correct {problem.where}.")
    if not found.config_problems:
        yield Finding("ok", "All keys are known and valid.")


def _own_problems(found: Surveyed) -> list[PluginError]:
    """Return the problems of plugins, without keys that may be in a line that cannot be read."""
    unread = any(problem.key in UNREAD for problem in found.config_problems)
    return [
        problem
        for problem in found.plugins.problems
        if not (unread and problem.in_configuration and problem.in_configuration.is_missing)
    ]


def _plugins(found: Surveyed) -> Iterator[Finding]:
    problems = _own_problems(found)
    for p in problems:
        who = described(p.plugin, p.distribution, p.version)
        yield Finding("error", f"{who}: {p.problem}", p.fix)
    stopping = {problem.problem for problem in problems}
    for damage in found.plugins.damages:
        if damage.detail not in stopping:
            missing = damage.hides and found.config.loads(damage.plugin)
            yield Finding("error" if missing else "warning", damage.detail, damage.fix)
    deny = found.config.plugins_deny
    for name in sorted({name for name in deny if deny.count(name) > 1}):
        yield Finding("warning", f"plugins.deny names {name!r} twice.", "Name it once.")
    installed = {note.name for note in found.plugins.loaded.skipped}
    for name in sorted(set(deny) - installed - {p.plugin for p in problems}):
        detail = f"plugins.deny names {name!r}, which is not installed."
        yield Finding("warning", detail, "Remove it from the list.")
    if not problems:
        names = ", ".join(plugin.name for plugin in found.plugins.loaded.plugins)
        yield Finding("ok", f"Loaded in this order: {names}.")
