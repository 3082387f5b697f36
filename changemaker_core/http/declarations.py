"""What plugins declare to HTTP: routes, and ways in which a request proves who sends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.plugin.contributions import Claim, Kind, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from changemaker_core.http.request import Request
    from changemaker_core.identity import Actor

#: A parameter of a route's path, such as ``{id}`` or ``{path:path}``; the group is its name.
PARAMETER = re.compile(r"\{([^{}:]*)(?::[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """A Falcon resource at a path.

    Every responder of ``resource`` carries ``@endpoint``; one without it is refused at boot.
    Item parameters are named ``{id}`` or ``{slug}``.
    """

    path: str
    resource: object
    suffix: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One way in which a request proves who sends it.

    ``find(request)`` returns ``None`` when the request carries no credential of this kind (the
    next authenticator is tried), an actor when it carries a valid one, and raises ``Unauthorized``
    when it carries an invalid one: that never falls back to another. Lower ``order`` is tried
    first.
    """

    name: str
    find: Callable[[Request], Awaitable[Actor | None]]
    order: int = 100


def normal_path(path: str) -> str:
    """``/campaigns/{}`` for ``/campaigns/{slug}/``: equal for paths that match the same URLs."""
    return PARAMETER.sub("{}", path).rstrip("/") or "/"


def _path_problems(route: Route) -> Iterator[tuple[str, str]]:
    parameters = PARAMETER.findall(route.path)
    if not route.path.startswith("/") or "//" in route.path:
        problem = f"{route.path!r} is not a path."
        yield problem, "Begin it with a /, and put one / between two steps."
    if len(set(parameters)) < len(parameters):
        problem = f"The path {route.path!r} names a parameter twice."
        yield problem, "Give each parameter a name of its own."


def _path_claims(route: Route, _plugin: str) -> Iterator[Claim]:
    yield Claim("path", route.path, key=normal_path(route.path))
    # NOTE(router): Falcon's router wants one name for the parameter at one place of all paths.
    segments = route.path.split("/")
    for length, segment in enumerate(segments, start=1):
        if PARAMETER.search(segment):
            place = normal_path("/".join(segments[:length]))
            yield Claim("path parameter", segment, key=place, place=route.path)


ROUTES = Kind("cm_register_routes", Route, _path_claims, _path_problems)
AUTHENTICATORS = Kind("cm_register_authenticators", Authenticator, named("authenticator", "."))
