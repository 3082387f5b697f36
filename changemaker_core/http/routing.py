"""The site's Falcon application: it routes requests, and calls responders for the edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import falcon
import falcon.asgi
from falcon.routing import CompiledRouter

from changemaker_core.cache import CompleteResponse
from changemaker_core.http import falcon_bridge
from changemaker_core.http.declarations import ROUTES
from changemaker_core.http.endpoint import declared
from changemaker_core.http.endpoint.checks import problems_of_route, responders_of
from changemaker_core.http.endpoint.guard import Guards
from changemaker_core.http.request import SCOPE_KEY, Request, Response
from changemaker_core.http.response import BODILESS
from changemaker_core.plugin.errors import BootFailed, PluginConflict, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import msgspec

    from changemaker_core.http.declarations import Route
    from changemaker_core.http.endpoint.declaration import FindObject
    from changemaker_core.http.request import Send
    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.site import Site


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """One method of a route, as ``site.routes()`` returns it.

    ``plugin`` is the name of the plugin that contributes it. ``permission`` is ``None`` where the
    endpoint is public. ``max_body`` is the largest body in bytes; ``streams``: it is read as it
    arrives. ``delivery``: the route's, for files. ``form`` and ``query`` are the Structs of the
    form and the query that it takes, and ``responder`` the function as its author wrote it.
    ``on`` is its declaration's.
    """

    method: str
    path: str
    plugin: str
    permission: str | None
    max_body: int
    streams: bool = False
    delivery: bool = False
    form: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    responder: Callable[..., Any] | None = field(default=None, repr=False, compare=False)
    on: str | FindObject | None = None


def build_falcon_app(
    site: Site,
    lifespan_handler: Any = None,
    *,
    only: Collection[str] = (),
    except_: Collection[str] = (),
) -> FalconApp:
    """Return the Falcon app of a site, whose routes were checked when it was built.

    Raises ``BootFailed`` with every path that Falcon cannot route. ``lifespan_handler`` has
    Falcon's ``process_startup(scope, event)`` and ``process_shutdown``.
    ``only`` and ``except_`` are names of plugins whose routes this process mounts, or does not;
    core's own are always there.
    """
    app, guards = FalconApp(lifespan_handler), Guards(site)
    chosen = mounted(site.loaded.contributions(ROUTES), only=only, except_=except_)
    problems = [problem for each in chosen for problem in _mount(app, each, guards)]
    if problems:
        raise BootFailed(problems)
    return app


def mounted(
    routes: Sequence[Contribution[Route]],
    *,
    only: Collection[str] = (),
    except_: Collection[str] = (),
) -> list[Contribution[Route]]:
    """Return the routes that this process mounts."""
    return [each for each in routes if each.plugin.is_mounted(only, except_)]


def route_table(loaded: LoadedPlugins) -> list[RouteInfo]:
    """Describe every method of every route. Those that ``misdeclared`` reports are left out."""
    found = []
    for each in loaded.contributions(ROUTES):
        config = loaded.config_for(each.plugin)
        if any(problems_of_route(each, config)):
            continue  # doctor looks at a site with such a route, too
        for method, responder in responders_of(each.item).items():
            if (declaration := declared(responder)) is not None:
                spec = declaration.resolve(config)
                most = spec.max_body or loaded.config.max_body_bytes
                name, path = each.plugin.name, each.item.path
                streams, delivery = spec.streams is not None, each.item.delivery
                info = (method, path, name, spec.permission, most, streams, delivery)
                found.append(RouteInfo(*info, spec.form, spec.query, responder, spec.on))
    return found


def _mount(app: FalconApp, contributed: Contribution[Route], guards: Guards) -> list[PluginError]:
    route, plugin = contributed.item, contributed.plugin
    guard = partial(guards.guard, contributed)
    try:
        # Falcon passes further arguments on to the router's `map_http_methods`.
        app.add_route(route.path, route.resource, suffix=route.suffix, guard=guard)
        if route.delivery:
            app.delivery.add(route.path)
    except ValueError as error:
        problem = f"The path {route.path} cannot be routed: {error}"
        fix = "Give a parameter one name in all paths with the same beginning, such as {id}."
        return [plugin.error(PluginConflict, problem, fix)]
    return []


class _Router(CompiledRouter):
    """Falcon's router; for Falcon itself it repeats what the edge has found already."""

    def map_http_methods(self, resource: object, **kwargs: Any) -> Any:
        guard = kwargs["guard"]
        found = super().map_http_methods(resource, **kwargs)
        return {method: guard(responder) for method, responder in found.items()}

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        if req is not None:
            return req.matched  # type: ignore[attr-defined]  # the app makes our Request
        return super().find(uri)


class FalconApp(falcon.asgi.App[Request, Response]):
    """Falcon's app, with its router public and its errors left to the edge."""

    def __init__(self, lifespan_handler: Any) -> None:
        self.router = _Router()
        #: Paths, as in the route table, that deliver files.
        self.delivery: set[str] = set()
        handlers = [] if lifespan_handler is None else [lifespan_handler]
        super().__init__(request_type=Request, router=self.router, middleware=handlers)
        self.add_error_handler(Exception, _pass_on)
        self.add_error_handler(falcon.HTTPError, _pass_on)
        self._bridged = falcon_bridge.concern() is None

    async def respond(self, req: Request, forward: Send) -> CompleteResponse | None:
        """Call the responder of ``req.matched``; raises what it raises.

        Returns the complete response; or ``None`` for a stream, which was sent by ``forward``.
        """
        if self._bridged:
            return await falcon_bridge.respond(self, req, forward)
        scope = req.scope
        events = _Events(req, forward)
        # Falcon reads the body itself: what the server has buffered would be read twice.
        try:
            await self({**scope, "extensions": {}, SCOPE_KEY: req}, req.next_event, events.send)
        except _Raised as raised:
            raise raised.error from None
        finally:
            req.scope = scope
        return events.complete


class _Events:
    """Falcon's ASGI messages: a complete response is gathered, a stream is passed on."""

    def __init__(self, req: Request, forward: Send) -> None:
        self._req = req
        self._forward = forward
        self._start: dict[str, Any] = {}
        self._streams = False
        self.complete: CompleteResponse | None = None

    async def send(self, event: dict[str, Any]) -> None:
        """Take one message."""
        if event["type"] == "http.response.start":
            self._start = event
            # A stream has no length, and its head must not wait for its first part.
            known = event["status"] in BODILESS or b"content-length" in dict(event["headers"])
            self._streams = not known
        if self._streams:
            await self._forward(event)
        elif event["type"] == "http.response.body":
            self.complete = CompleteResponse(
                self._start["status"],
                self._start["headers"],
                event.get("body", b""),
                self._req.route,
            )


class _Raised(Exception):
    """Carries an error through Falcon, which would make a response of it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def _pass_on(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
    raise _Raised(error)
