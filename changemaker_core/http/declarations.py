"""What plugins declare to HTTP: routes, and ways in which a request proves who sends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changemaker_core.plugin.contributions import Claim, Kind, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import msgspec

    from changemaker_core.http.request import Request
    from changemaker_core.identity import Actor
    from changemaker_core.web.forms import Form
    from changemaker_core.web.pages import TemplateResponse

    #: What was typed into a form, by field.
    Typed = Mapping[str, str | list[str]]

#: Below it are the routes that the OpenAPI document describes, and that other origins may use.
API = "/api/"
#: A parameter of a route's path, such as ``{id}`` or ``{path:path}``; the group is its name.
PARAMETER = re.compile(r"\{([^{}:]*)(?::[^{}]*)?\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Route:
    """A Falcon resource at a path.

    Every responder of ``resource`` carries ``@endpoint``; one without it is refused at boot.
    Item parameters are named ``{id}`` or ``{slug}``. ``delivery`` is for files: the many ranges and
    parts of one are not counted as requests to the API, and nginx passes them on unbuffered.
    """

    path: str
    resource: object
    suffix: str | None = None
    name: str | None = None
    delivery: bool = False


@dataclass(frozen=True, slots=True)
class SignInConfirmation:
    """How a person with a browser proves once more who they are, for ``recent_sign_in=True``.

    ``page(path)`` returns the address of a page that asks for the proof and leads back to
    ``path``. ``form`` is a Struct with the fields of the proof, which a form can have beside its
    own. ``check(req, form, typed)`` returns ``None`` where ``form`` proves it, and otherwise the
    page that asks: its form is sent to the same address, with ``typed`` in hidden fields.
    """

    page: Callable[[str], str]
    form: type[msgspec.Struct]
    check: Callable[[Request, Form[Any], Typed], Awaitable[TemplateResponse | None]]


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One way in which a request proves who sends it.

    ``find(request)`` returns ``None`` when the request carries no credential of this kind (the
    next authenticator is tried), an actor when it carries a valid one, and raises ``Unauthorized``
    when it carries an invalid one: that never falls back to another. Lower ``order`` is tried
    first.

    ``headers`` and ``cookies`` are the names that ``find`` reads. A request with one of them is
    identified: public pages look for its actor too, and it shares no cached response. ``find`` can
    read no other credential. With ``strict``, an invalid credential is refused on public pages too,
    instead of making the request anonymous. ``challenge`` is the value of ``WWW-Authenticate`` in
    a 401, such as ``Bearer realm="petitions"``.
    ``sign_in(path)`` returns the address of the page where a person gets such a credential and then
    returns to ``path``: browsers that lack one are sent there. ``confirm`` says how they prove once
    more who they are. ``is_sign_in``: the credential is of a person who has signed in, so that
    ``find`` sets ``req.sign_in``; only such a one is good for what needs a recent sign-in.
    """

    name: str
    find: Callable[[Request], Awaitable[Actor | None]]
    order: int = 100
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    strict: bool = False
    challenge: str | None = None
    sign_in: Callable[[str], str] | None = None
    confirm: SignInConfirmation | None = None
    is_sign_in: bool = False


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
    by = type(route.resource).__name__
    yield Claim("path", route.path, key=normal_path(route.path), by=by)
    # NOTE(router): Falcon's router wants one name for the parameter at one place of all paths.
    segments = route.path.split("/")
    for length, segment in enumerate(segments, start=1):
        if PARAMETER.search(segment):
            place = normal_path("/".join(segments[:length]))
            yield Claim("path parameter", segment, key=place, place=route.path)


def _authenticator_problems(authenticator: Authenticator) -> Iterator[tuple[str, str]]:
    name = authenticator.name
    for option in ("headers", "cookies"):
        if not _is_names(getattr(authenticator, option)):
            problem = f"The authenticator {name!r} has {option} that are no tuple of names."
            yield problem, f'Write {option}=("X-Badge",), with the comma.'
            return
    if not (authenticator.headers or authenticator.cookies):
        problem = f"The authenticator {name!r} names no headers and no cookies that it reads."
        yield problem, 'Name them, as in headers=("X-Badge",): requests with them share no cache.'
    if authenticator.challenge is not None and not authenticator.challenge.isprintable():
        problem = f"The challenge of the authenticator {name!r} is no value of a header."
        yield problem, 'Write a scheme and a realm, such as Bearer realm="petitions".'


def _is_names(names: object) -> bool:
    return isinstance(names, tuple) and all(
        isinstance(name, str) and _HEADER_NAME.fullmatch(name) for name in names
    )


ROUTES = Kind("cm_register_routes", Route, _path_claims, _path_problems)
AUTHENTICATORS = Kind(
    "cm_register_authenticators",
    Authenticator,
    named("authenticator", "."),
    _authenticator_problems,
    ("await find(req)", "sign_in(path)"),
)
