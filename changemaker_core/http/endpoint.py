"""``@endpoint``: everything that a responder declares about itself, once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from changemaker_core.http import authentication, rendering
from changemaker_core.http.bodies import decoding
from changemaker_core.identity.actor import current_actor
from changemaker_core.limits.windows import MemoryWindow, Rate
from changemaker_core.shared.windows import window_for

if TYPE_CHECKING:
    from changemaker_core.http.request import Request, Response
    from changemaker_core.site import Site

Responder = TypeVar("Responder", bound=Callable[..., Awaitable[Any]])

#: The attribute of a responder that holds its declaration.
ATTRIBUTE = "__endpoint__"
_MEDIA_TYPE = re.compile(r"[\w.+-]+/([\w.+-]+|\*)|\*/\*")
STATUSES = frozenset({200, 201, 202, 204})


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of request bodies: immutable, named fields only, unknown fields rejected.

    >>> class Greeting(Body):
    ...     name: str
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The declaration of one responder; validation, authorisation and OpenAPI all read it."""

    public: bool = False
    permission: str | None = None
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    form: type[msgspec.Struct] | None = None
    #: The media type of a body that the responder reads itself as it arrives.
    streams: str | None = None
    response: Any = None
    status: int = 200
    rate_limit: Rate | None = None
    #: Seconds for which the response is cached, unless a table or row it was read from changes.
    cache: float | None = None
    #: The largest body in bytes; ``None`` is the site's ``max_body_bytes``.
    max_body: int | None = None
    summary: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise TypeError(f"@endpoint: {problem}")

    def _problems(self) -> list[str]:
        """Return what contradicts, worst first."""
        checks = {
            'declare either public=True or permission="…", and not both': (
                self.public == bool(self.permission)
            ),
            "declare one of body=, form= and streams=": self._ways_to_read() > 1,
            'streams is a media type such as "application/octet-stream" or "image/*"': (
                self.streams is not None and _MEDIA_TYPE.fullmatch(self.streams) is None
            ),
            f"status is one of {sorted(STATUSES)}": self.status not in STATUSES,
            "only a public response can be cached": self.cache is not None and not self.public,
            "cache is a number of seconds above 0": self.cache is not None and self.cache <= 0,
            "body, query and form are msgspec Structs": not self._structs(),
        }
        return [problem for problem, wrong in checks.items() if wrong]

    def _ways_to_read(self) -> int:
        return sum(each is not None for each in (self.body, self.form, self.streams))

    def _structs(self) -> bool:
        declared = [each for each in (self.body, self.query, self.form) if each is not None]
        return all(isinstance(each, type) and issubclass(each, msgspec.Struct) for each in declared)


def endpoint(
    *,
    public: bool = False,
    permission: str | None = None,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    form: type[msgspec.Struct] | None = None,
    streams: str | None = None,
    response: Any = None,
    status: int = 200,
    rate_limit: str | None = None,
    cache: float | None = None,
    max_body: int | None = None,
) -> Callable[[Responder], Responder]:
    """Declare a responder: ``async def on_post(self, req, resp, *, id, body) -> Sent``.

    - Exactly one of ``public=True`` and ``permission="plugin.thing.verb"``.
    - ``body``, ``query`` and ``form`` are Structs; the responder gets ``body=`` and ``query=`` as
      values, already valid, and ``form=`` as a :class:`~changemaker_core.web.forms.Form`, which
      may hold errors to show. A form with a field of type ``Upload`` is sent as
      ``multipart/form-data``. ``max_body`` is in bytes.
    - ``streams="application/octet-stream"``, ``"image/*"``, ``"multipart/form-data"`` or ``"*/*"``:
      the responder reads the body itself as it arrives, by ``req.chunks()`` or ``req.parts()``.
    - ``response`` is the type of the returned value, for the documentation of the API.
    - ``rate_limit="10/minute"`` is counted for each address and protects our own CPU; processes
      share it where Redis is configured.
    - ``cache=60`` caches responses of public GETs for that many seconds; each is invalidated at
      once when a table or row that it was read from changes. A cached response may depend only on
      path, query and language.

    The responder returns a Struct, dict or list (JSON), a ``TemplateResponse``, a ``Redirect``,
    bytes (with ``resp.content_type`` set), or ``None`` where it has filled ``resp`` itself.
    A wrong declaration raises TypeError or ValueError as soon as it is imported.
    """
    rate = Rate.parse(rate_limit) if rate_limit is not None else None

    def declare(responder: Responder) -> Responder:
        summary, description = _described(responder)
        spec = Endpoint(
            public=public,
            permission=permission,
            body=body,
            query=query,
            form=form,
            streams=streams,
            response=response,
            status=status,
            rate_limit=rate,
            cache=cache,
            max_body=max_body,
            summary=summary,
            description=description,
        )
        _check(responder, spec)
        return _guarded(responder, spec)

    return declare


def declared(responder: Any) -> Endpoint | None:
    """Return the declaration of a responder; ``None`` where it has none."""
    return getattr(responder, ATTRIBUTE, None)


def _described(responder: Callable[..., Any]) -> tuple[str, str]:
    summary, _, description = (inspect.getdoc(responder) or "").partition("\n")
    return summary.strip(), description.strip()


def _check(responder: Callable[..., Any], spec: Endpoint) -> None:
    name = responder.__qualname__
    if not inspect.iscoroutinefunction(responder):
        raise TypeError(f"@endpoint: {name} must be declared with async def")
    if spec.cache is not None and not responder.__name__.startswith("on_get"):
        raise TypeError(f"@endpoint: {name} cannot be cached; only responses to GET can")
    parameters = inspect.signature(responder).parameters
    wanted = [each for each in ("body", "query", "form") if getattr(spec, each) is not None]
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    if missing := [each for each in wanted if each not in parameters]:
        raise TypeError(f"@endpoint: {name} declares {missing[0]}= but does not take it")


def _guarded(responder: Responder, spec: Endpoint) -> Responder:
    """Return the responder behind everything that its declaration asks for."""
    name = f"{responder.__module__}.{responder.__qualname__}"
    windows = _Windows(spec.rate_limit, name) if spec.rate_limit else None

    @functools.wraps(responder)
    async def guarded(resource: Any, req: Request, resp: Response, **params: Any) -> None:
        if windows is not None:
            req.count(windows.of(req.site), "route")
        if req.method not in authentication.SAFE_METHODS:
            authentication.refuse_cross_site(req)
        if spec.permission is not None or req.has_credentials:
            await authentication.authorise(req, spec.permission)
        if spec.query is not None:
            params["query"] = decoding.query(req, spec.query)
        if spec.body is not None:
            params["body"] = await decoding.body(req, spec.body)
        elif spec.form is not None:
            params["form"] = await decoding.form(req, spec.form)
        elif spec.streams is not None:
            decoding.expect_stream(req, spec.streams)
        token = current_actor.set(req.actor)
        try:
            value = await responder(resource, req, resp, **params)
        finally:
            current_actor.reset(token)
        rendering.fill(req, resp, value, spec.status)

    setattr(guarded, ATTRIBUTE, spec)
    return guarded  # type: ignore[return-value]  # same call, from Falcon's side


class _Windows:
    """One rate window for each site: two apps in one process share only the responder."""

    def __init__(self, rate: Rate, name: str) -> None:
        self._rate = rate
        self._name = name
        self._of_site: WeakKeyDictionary[Any, MemoryWindow] = WeakKeyDictionary()

    def of(self, site: Site) -> MemoryWindow:
        window = self._of_site.get(site)
        if window is None:
            window = self._of_site[site] = window_for(site, self._rate, self._name)
        return window
