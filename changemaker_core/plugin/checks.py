"""Rules for what plugins contribute: prefixes, and that no two of them claim one thing.

This knows the types of contributions and neither Falcon nor peewee.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changemaker_core.plugin.errors import PluginConflict, PluginInvalid
from changemaker_core.plugin.types import (
    Authenticator,
    HealthCheck,
    Job,
    Metric,
    Permission,
    Role,
    Route,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core.plugin.errors import PluginError
    from changemaker_core.plugin.loaded import Contribution, LoadedPlugin

_PARAMETER = re.compile(r"\{[^{}]*\}")
_METRIC = re.compile(r"cm_[a-z][a-z0-9_]*")


def table_of(model: object) -> str | None:
    """The name of a model's table; None for what is no model."""
    name = getattr(getattr(model, "_meta", None), "table_name", None)
    return name if isinstance(name, str) else None


def erased(path: str) -> str:
    """``/campaigns/{}`` for ``/campaigns/{slug}``: what makes two paths the same one."""
    return _PARAMETER.sub("{}", path).rstrip("/") or "/"


def misnamed(contribution: Contribution[Any]) -> PluginError | None:
    """The error of a contribution whose name does not say whose it is."""
    item, plugin = contribution.item, contribution.plugin
    found = _wrong_path(item) if isinstance(item, Route) else _wrong_prefix(item, plugin)
    return plugin.error(PluginInvalid, *found) if found else None


def _wrong_path(route: Route) -> tuple[str, str] | None:
    parameters = _PARAMETER.findall(route.path)
    if not route.path.startswith("/") or "//" in route.path:
        return f"The path {route.path!r} is none.", "Begin it with one / and let no two meet."
    if len(set(parameters)) < len(parameters):
        problem = f"The path {route.path!r} has one parameter twice."
        return problem, "Give each parameter a name of its own."
    return None


def _wrong_prefix(item: object, plugin: LoadedPlugin) -> tuple[str, str] | None:
    if isinstance(item, Metric):
        if plugin.core or _METRIC.fullmatch(item.name):
            return None
        problem = f"The metric {item.name!r} is not named cm_ and then a-z, 0-9 and _."
        return problem, f"Call it cm_{plugin.name}_…"
    for kind, name, prefix in _prefixed(item, plugin.name):
        if not name.startswith(prefix):
            problem = f"The {kind} {name!r} does not begin with {prefix!r}."
            return problem, f"Call it {prefix}…, so that everybody sees whose it is."
    return None


def _prefixed(item: object, plugin: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(item, Job):
        yield "job", item.name, f"{plugin}."
    elif isinstance(item, Permission):
        yield "permission", item.name, f"{plugin}."
    elif isinstance(item, Authenticator):
        yield "authenticator", item.name, f"{plugin}."
    elif table := table_of(item):
        yield "table", table, f"{plugin}_"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that only one plugin may have. ``shown`` is how it was written."""

    kind: str
    key: str
    shown: str


def claims(item: object) -> list[Claim]:
    """What an item claims for its plugin."""
    if isinstance(item, Route):
        return [Claim("path", erased(item.path), item.path)]
    if table := table_of(item):
        return [Claim("table", table, table)]
    kinds = (Job, Metric, Permission, Role, Authenticator, HealthCheck)
    if isinstance(item, kinds):
        kind = type(item).__name__.lower().replace("healthcheck", "health check")
        return [Claim(kind, item.name, item.name)]
    return []


def conflicts(contributions: Iterable[Contribution[Any]]) -> list[PluginError]:
    """Each claim that was made before, in the order of ``contributions``."""
    first: dict[tuple[str, str], tuple[Claim, LoadedPlugin]] = {}
    problems: list[PluginError] = []
    routes: dict[str, tuple[str, Contribution[Any]]] = {}
    for contribution in contributions:
        clashes = len(problems)
        for claim in claims(contribution.item):
            holder = first.setdefault((claim.kind, claim.key), (claim, contribution.plugin))
            if holder[0] is not claim:
                problems.append(_conflict(contribution.plugin, claim, *holder))
        if isinstance(contribution.item, Route) and clashes == len(problems):
            problems += _parameter_conflicts(contribution, routes)
    return problems


def _conflict(plugin: LoadedPlugin, claim: Claim, held: Claim, holder: LoadedPlugin) -> PluginError:
    as_written = "" if held.shown == claim.shown else f" (as {held.shown!r})"
    if holder is plugin:
        problem = f"It registers the {claim.kind} {claim.shown!r} twice{as_written}."
        return plugin.error(PluginConflict, problem, "Take one of them out.", (plugin.name,))
    problem = f"The {claim.kind} {claim.shown!r} is already that of {holder}{as_written}."
    mend = f"Leave one of the two out with plugins.deny, or let its author change the {claim.kind}."
    return plugin.error(PluginConflict, problem, mend, (holder.name,))


def _parameter_conflicts(
    contribution: Contribution[Any], seen: dict[str, tuple[str, Contribution[Any]]]
) -> list[PluginError]:
    """Falcon's router wants one name for the parameter at one place of all paths."""
    problems = []
    segments = contribution.item.path.split("/")
    for length, segment in enumerate(segments, start=1):
        if not _PARAMETER.search(segment):
            continue
        place = erased("/".join(segments[:length]))
        name, holder = seen.setdefault(place, (segment, contribution))
        if name != segment:
            problems.append(_renamed(contribution, segment, name, holder))
    return problems


def _renamed(
    contribution: Contribution[Any], segment: str, name: str, holder: Contribution[Any]
) -> PluginError:
    problem = (
        f"The path {contribution.item.path!r} says {segment!r} where {holder.plugin} says {name!r} "
        f"in {holder.item.path!r}, and a router knows only one name for one place."
    )
    mend = f"Write {name!r} in both; item parameters are named {{id}} or {{slug}}."
    return contribution.plugin.error(PluginConflict, problem, mend, (holder.plugin.name,))
