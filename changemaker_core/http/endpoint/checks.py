"""What is wrong with the routes of a site: found when it is built, before any is mounted."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcon.routing import map_http_methods
from falcon.routing.util import SuffixedMethodNotFoundError

from changemaker_core.http.declarations import PARAMETER, ROUTES
from changemaker_core.http.endpoint.declaration import Declaration, declared
from changemaker_core.http.endpoint.domain_errors import table_of, table_problems
from changemaker_core.identity.actor import ANY_OBJECT
from changemaker_core.plugin.errors import PluginInvalid, exception_line
from changemaker_core.plugin.places import place_of
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from changemaker_core.http.declarations import Route
    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.plugin.errors import PluginError

    #: A problem in whole sentences, and how to fix it.
    Found = tuple[str, str]


def responders_of(route: Route) -> dict[str, Any]:
    """Return a route's responders by method; raises Falcon's error for a suffix that none has."""
    return dict(map_http_methods(route.resource, route.suffix))


def misdeclared(loaded: LoadedPlugins, permissions: Collection[str] | None) -> list[PluginError]:
    """Return the errors of the declarations of every route.

    Each is public or requires one of ``permissions``: others could be in no role but ``*``. None
    leaves that out, where not all of them are known.
    """
    routes = loaded.contributions(ROUTES)
    found = [
        contributed.plugin.error(PluginInvalid, *each)
        for contributed in routes
        for each in problems_of_route(
            contributed, loaded.config_for(contributed.plugin), permissions
        )
    ]
    tables = [
        plugin.error(PluginInvalid, *each)
        for plugin in loaded.plugins
        for each in _of_plugin(plugin.instance, any(c.plugin is plugin for c in routes))
    ]
    return found + tables


def _of_plugin(instance: Any, has_routes: bool) -> Iterator[Found]:
    yield from table_problems(instance)
    if table_of(instance) and not has_routes:
        problem = f"{type(instance).__name__}.errors is never read: the plugin has no routes."
        yield problem, "Remove it, or register the routes whose responders raise these exceptions."


def problems_of_route(
    contributed: Contribution[Route], config: Any, permissions: Collection[str] | None = None
) -> Iterator[Found]:
    """Yield what is wrong with the declarations of a route; of its permissions, where known."""
    route = contributed.item
    yield from table_problems(route.resource)
    try:
        responders = responders_of(route)
    except SuffixedMethodNotFoundError:
        responders = {}
    if not responders:
        suffix = f"_{route.suffix}" if route.suffix else ""
        problem = f"{type(route.resource).__name__} at {route.path} has no responder."
        yield problem, f"Give it a responder such as `async def on_get{suffix}(self, req, resp)`."
    for responder in responders.values():
        declaration = declared(responder)
        one = _Responder(route, responder)
        if declaration is None:
            fix = 'Put @endpoint(public=True) or @endpoint(permission="…") on it.'
            yield f"{one} has no @endpoint{one.place}.", fix
            continue
        yield from one.misfits(declaration)
        yield from one.misconfigured(declaration, config)
        if permissions is not None:
            yield from one.unregistered(declaration, permissions)


@dataclass(frozen=True, slots=True)
class _Responder:
    """One responder at one path, and what is wrong with it there."""

    route: Route
    function: Any

    def __str__(self) -> str:
        name = f"{type(self.route.resource).__name__}.{self.function.__name__}"
        return f"{name} at {self.route.path}"

    @property
    def place(self) -> str:
        place = place_of(self.function)
        return f" ({place})" if place else ""

    def misfits(self, declaration: Declaration) -> Iterator[Found]:
        """Yield where its parameters are not those of the path and the declaration."""
        spec = declaration.endpoint
        in_path = PARAMETER.findall(self.route.path)
        given = in_path + [n for n in ("body", "query", "form") if getattr(spec, n) is not None]
        given += ["objects"] if spec.on == ANY_OBJECT else []
        takes = dict(list(inspect.signature(self.function).parameters.items())[2:])
        takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in takes.values())
        by_name = [n for n, each in takes.items() if each.kind not in _NOT_BY_NAME]
        required = [n for n in by_name if takes[n].default is inspect.Parameter.empty]
        signature = f"async def {self.function.__name__}(self, req, resp{_keywords(given)})"
        missing = [name for name in given if name not in by_name and not takes_any]
        unknown = [name for name in required if name not in given]
        if missing or unknown:
            wrong = [f"does not take {_listed(missing)}, which it gets"] if missing else []
            wrong += [f"takes {_listed(unknown)}, which it does not get"] if unknown else []
            yield f"{self} {', and '.join(wrong)}{self.place}.", f"Write `{signature}`."
        if isinstance(spec.on, str) and spec.on not in (ANY_OBJECT, *in_path):
            problem = f"{self} has on={spec.on!r}, which is no parameter of its path{self.place}."
            yield problem, f"Name one of its parameters.{did_you_mean(spec.on, in_path)}"

    def misconfigured(self, declaration: Declaration, config: Any) -> Iterator[Found]:
        """Yield what its functions of the configuration raise, or return."""
        try:
            declaration.resolve(config)
        except Exception as error:
            line = exception_line(error, place_of(self.function))
            problem = f"{self} has an option that fails: {line}."
            fix = "Its functions take the plugin's configuration and return a value of the option."
            yield problem, fix

    def unregistered(
        self, declaration: Declaration, permissions: Collection[str]
    ) -> Iterator[Found]:
        """Yield its permission, where no plugin registers that."""
        wanted = declaration.endpoint.permission
        if wanted is not None and wanted not in permissions:
            problem = f"{self} requires {wanted!r}, which no plugin registers{self.place}."
            like = did_you_mean(wanted, permissions)
            yield problem, f"Add Permission({wanted!r}, …) to `contributes`, or correct it.{like}"


_NOT_BY_NAME = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _keywords(names: list[str]) -> str:
    return ", *, " + ", ".join(names) if names else ""
