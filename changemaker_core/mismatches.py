"""What is wrong with contributions of several kinds taken together, once all are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from changemaker_core.config.rules import home_page_loop
from changemaker_core.http.declarations import PARAMETER, ROUTES
from changemaker_core.http.endpoint.checks import misdeclared
from changemaker_core.identity import PERMISSIONS, ROLES, SCOPES
from changemaker_core.identity.actor import EVERYTHING
from changemaker_core.plugin.errors import PluginInvalid
from changemaker_core.plugin.places import located
from changemaker_core.settings import SETTINGS
from changemaker_core.settings.declarations import OWN
from changemaker_core.settings.fields import fields_of
from changemaker_core.text import did_you_mean
from changemaker_core.web.declarations import HOME_PAGES, NAVIGATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from changemaker_core.http.declarations import Route
    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.plugin.errors import PluginError

#: A parameter that matches the rest of a path.
_REST = ":path}"


def mismatches(loaded: LoadedPlugins) -> list[PluginError]:
    """Return what does not fit together: permissions of endpoints, roles and scopes, and paths."""
    permissions = {contribution.item.name for contribution in loaded.contributions(PERMISSIONS)}
    complete = PERMISSIONS.name not in loaded.incomplete
    found = misdeclared(loaded, permissions if complete else None)
    if complete:
        found += _unknown_permissions(loaded, permissions)
    if SETTINGS.name not in loaded.incomplete:
        found += _unknown_keys(loaded)
    if ROUTES.name not in loaded.incomplete:
        found += _dead_links(loaded)
    return found


def _unknown_permissions(
    loaded: LoadedPlugins, permissions: Collection[str]
) -> Iterator[PluginError]:
    for link in loaded.contributions(NAVIGATION):
        entry = link.item
        if entry.permission is not None and entry.permission not in permissions:
            problem = f"NavigationEntry({entry.path!r}) needs the permission {entry.permission!r}, "
            yield _unregistered(link, problem, entry.permission, permissions)
    for kind, contribution in loaded.offered_items():
        for wanted in kind.permissions(contribution.item):
            if wanted not in permissions:
                problem = f"{_described(contribution.item)} needs the permission {wanted!r}, "
                yield _unregistered(contribution, problem, wanted, permissions)
    held: list[Contribution[Any]] = [*loaded.contributions(ROLES), *loaded.contributions(SCOPES)]
    for contribution in held:
        what, item = type(contribution.item).__name__.lower(), contribution.item
        known = {EVERYTHING, *permissions} if what == "role" else {*permissions}
        for name in sorted(item.permissions - known):
            problem = f"The {what} {item.name!r} has the permission {name!r}, "
            yield _unregistered(contribution, problem, name, permissions)


def _described(item: Any) -> str:
    """``Card('hello.greetings')``"""
    return f"{type(item).__name__}({getattr(item, 'name', '')!r})"


def _unregistered(
    contribution: Contribution[Any], problem: str, name: str, permissions: Collection[str]
) -> PluginError:
    problem = located(f"{problem}which no plugin registers.", contribution.place)
    fix = f"Add Permission({name!r}, …) to `contributes`.{did_you_mean(name, permissions)}"
    return contribution.plugin.error(PluginInvalid, problem, fix)


def _unknown_keys(loaded: LoadedPlugins) -> Iterator[PluginError]:
    """Yield fields of settings that are locked by a key which the configuration does not have."""
    for contribution in loaded.contributions(SETTINGS):
        own = type(loaded.config) if contribution.plugin.name == OWN else None
        struct = own or contribution.plugin.instance.config
        known = {each.name for each in msgspec.structs.fields(struct)} if struct else set()
        for field in fields_of(contribution.item.struct).values():
            key = field.setting.config
            if key is None or key in known:
                continue
            problem = f"The setting {field.name!r} of {contribution.item.name!r} is locked by the "
            problem = located(f"{problem}key {key!r}, which there is not.", contribution.place)
            fix = f"Name a key of the plugin's own configuration.{did_you_mean(key, known)}"
            yield contribution.plugin.error(PluginInvalid, problem, fix)


def _dead_links(loaded: LoadedPlugins) -> Iterator[PluginError]:
    """Yield home pages and entries of the menu that lead to no route, or back to ``/``."""
    routes = [contribution.item for contribution in loaded.contributions(ROUTES)]
    links: list[Contribution[Any]] = [
        *loaded.contributions(HOME_PAGES),
        *loaded.contributions(NAVIGATION),
    ]
    for contribution in links:
        item, plugin = contribution.item, contribution.plugin
        kind = type(item).__name__
        if kind == "HomePage" and home_page_loop(item.path):
            problem = f"HomePage({item.path!r}) is / itself, which leads to the home page."
            fix = "Name another path, and register a route for it."
        elif not serves(routes, item.path):
            known = did_you_mean(item.path, [route.path for route in routes])
            problem = f"{kind}({item.path!r}) leads to no route of any plugin.{known}"
            fix = "Correct the path, or leave it out where the plugin that serves it is absent."
        else:
            continue
        yield plugin.error(PluginInvalid, located(problem, contribution.place), fix)
    for offered, contribution in loaded.offered_items():
        for path in offered.links(contribution.item):
            if not serves(routes, path):
                known = did_you_mean(path, [route.path for route in routes])
                problem = f"{_described(contribution.item)} leads to {path!r}, which no plugin has."
                problem = located(f"{problem}{known}", contribution.place)
                yield contribution.plugin.error(PluginInvalid, problem, "Correct the path.")


def serves(routes: Collection[Route], path: str) -> bool:
    """Return whether one of the routes matches a path with its parameters filled in."""
    steps = urlsplit(path).path.rstrip("/").split("/")
    return any(_matches(route.path.rstrip("/").split("/"), steps) for route in routes)


def _matches(pattern: list[str], steps: list[str]) -> bool:
    if pattern[-1].endswith(_REST):
        return len(steps) >= len(pattern) and _matches(pattern[:-1], steps[: len(pattern) - 1])
    return len(pattern) == len(steps) and all(
        wanted == step or (step and PARAMETER.search(wanted))
        for wanted, step in zip(pattern, steps, strict=True)
    )
