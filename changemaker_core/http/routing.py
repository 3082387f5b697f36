"""From the plugins' routes to a Falcon app: no route open by accident, none hiding another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcon.routing import map_http_methods
from falcon.routing.util import SuffixedMethodNotFoundError

from changemaker_core.http.endpoint import declared
from changemaker_core.http.falcon_app import FalconApp
from changemaker_core.plugin.errors import BootFailed, PluginConflict, PluginError, PluginInvalid
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from changemaker_core.http.declarations import Route
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.site import Site

_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """One method of a route, as ``site.routes()`` returns it.

    ``plugin`` is the name of the plugin that contributes it. ``permission`` is ``None`` where the
    endpoint is public. ``max_body`` is the largest body in bytes.
    """

    method: str
    path: str
    plugin: str
    permission: str | None
    max_body: int


def build_falcon_app(
    contributions: Sequence[Contribution[Route]],
    site: Site,
    lifespan_handler: Any = None,
    *,
    only: Collection[str] = (),
    except_: Collection[str] = (),
) -> FalconApp:
    """The Falcon app of a site's routes; raises ``BootFailed`` with everything wrong with them.

    ``lifespan_handler`` has Falcon's ``process_startup(scope, event)`` and ``process_shutdown``.
    ``only`` and ``except_`` are names of plugins whose routes this process mounts, or does not;
    core's own are always there.
    """
    app = FalconApp(lifespan_handler)
    chosen = mounted(contributions, only=only, except_=except_)
    taken: dict[str, Contribution[Route]] = {}
    problems = [problem for each in chosen for problem in _add(app, each, taken)]
    if problems:
        raise BootFailed(problems)
    return app


def mounted(
    routes: Sequence[Contribution[Route]],
    *,
    only: Collection[str] = (),
    except_: Collection[str] = (),
) -> list[Contribution[Route]]:
    """The routes that this process mounts."""
    return [
        each
        for each in routes
        if each.plugin.core
        or ((not only or each.plugin.name in only) and each.plugin.name not in except_)
    ]


def responders_of(route: Route) -> dict[str, Any]:
    """A route's responders by method; raises Falcon's error for a suffix that none has."""
    return dict(map_http_methods(route.resource, route.suffix))


def route_table(routes: Sequence[Contribution[Route]], max_body: int) -> list[RouteInfo]:
    """Describe every method of ``routes``, whose declarations have been checked.

    ``max_body`` is the limit, in bytes, of endpoints that declare none.
    """
    return [
        RouteInfo(
            method, each.item.path, each.plugin.name, spec.permission, spec.max_body or max_body
        )
        for each in routes
        for method, responder in responders_of(each.item).items()
        if (spec := declared(responder)) is not None
    ]


def misdeclared(
    routes: Sequence[Contribution[Route]], permissions: Collection[str]
) -> list[PluginError]:
    """What is wrong with the declarations of ``routes``, of which each asks for one of
    ``permissions`` or for none: what nobody registered, no role but ``*`` could ever have."""
    return [
        problem
        for each in routes
        for problem in (*_undeclared(each), *_unregistered(each, permissions))
    ]


def _unregistered(
    contributed: Contribution[Route], permissions: Collection[str]
) -> Iterator[PluginError]:
    route, plugin = contributed.item, contributed.plugin
    try:
        responders = responders_of(route).values()
    except SuffixedMethodNotFoundError:
        return
    for responder in responders:
        wanted = getattr(declared(responder), "permission", None)
        if wanted is not None and wanted not in permissions:
            name = f"{type(route.resource).__name__}.{responder.__name__}"
            problem = f"{name} at {route.path} asks for {wanted!r}, which nobody registers."
            hook = "cm_register_permissions"
            fix = f"Answer {hook} with it, or correct it.{did_you_mean(wanted, permissions)}"
            yield plugin.error(PluginInvalid, problem, fix)


def _add(
    app: FalconApp, contributed: Contribution[Route], taken: dict[str, Contribution[Route]]
) -> list[PluginError]:
    """Mount one route; what is wrong with it."""
    route, plugin = contributed.item, contributed.plugin
    other = taken.setdefault(_PARAMETER.sub("{}", route.path), contributed)
    if other is not contributed:
        problem = f"The path {route.path} is also served by {other.plugin} as {other.item.path}."
        fix = "Give one of them another path."
        return [plugin.error(PluginConflict, problem, fix, (other.plugin.name,))]
    problems = _undeclared(contributed)
    if not problems:
        problems = _mount(app, contributed)
    return problems


def _undeclared(contributed: Contribution[Route]) -> list[PluginError]:
    route, plugin = contributed.item, contributed.plugin
    name = type(route.resource).__name__
    try:
        responders = responders_of(route)
    except SuffixedMethodNotFoundError:
        responders = {}
    if not responders:
        suffix = f"_{route.suffix}" if route.suffix else ""
        problem = f"{name} at {route.path} answers no method."
        fix = f"Give it a responder such as `async def on_get{suffix}(self, req, resp)`."
        return [plugin.error(PluginInvalid, problem, fix)]
    fix = 'Put @endpoint(public=True) or @endpoint(permission="…") on it.'
    return [
        plugin.error(
            PluginInvalid, f"{name}.{responder.__name__} at {route.path} has no @endpoint.", fix
        )
        for responder in responders.values()
        if declared(responder) is None
    ]


def _mount(app: FalconApp, contributed: Contribution[Route]) -> list[PluginError]:
    route, plugin = contributed.item, contributed.plugin
    try:
        app.add_route(route.path, route.resource, suffix=route.suffix)
    except ValueError as error:
        problem = f"The path {route.path} cannot be routed: {error}"
        fix = "Name parameters of paths that begin alike alike: {id} and {slug} everywhere."
        return [plugin.error(PluginConflict, problem, fix)]
    return []
