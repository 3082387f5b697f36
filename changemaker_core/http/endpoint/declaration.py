"""``@endpoint``: everything that a responder declares about itself, once."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import msgspec

from changemaker_core.http.bodies.uploads import upload_fields
from changemaker_core.identity.actor import ANY_OBJECT
from changemaker_core.limits.windows import Rate
from changemaker_core.web.forms import password_fields

Responder = TypeVar("Responder", bound=Callable[..., Awaitable[Any]])
V = TypeVar("V")
#: A value, or a function that returns it for the configuration of the responder's plugin.
Configured: TypeAlias = V | Callable[[Any], V]
#: Returns the id of the object on which a permission is required, from the path's parameters.
FindObject = Callable[..., Awaitable[str | None]]

#: The attribute of a responder that holds its declaration.
ATTRIBUTE = "__endpoint__"
_MEDIA_TYPE = re.compile(r"[\w.+-]+/([\w.+-]+|\*)|\*/\*")
STATUSES = frozenset({200, 201, 202, 204})
#: What a cached response may depend on beside its address, as names of headers.
VARIES = ("Accept-Language", "Cookie")


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of request bodies: immutable, named fields only, unknown fields rejected.

    >>> class Greeting(Body):
    ...     name: str
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The declaration of one responder in one site.

    Validation, authorisation, limits, caching and OpenAPI all read it.
    """

    public: bool = False
    permission: str | None = None
    #: The path parameter with the id of the object on which ``permission`` is required, or a
    #: function that finds it; ``"*"``: it is enough to hold it for any object.
    on: str | FindObject | None = None
    #: Whether the visitor must have signed in within the last minutes.
    recent_sign_in: bool = False
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    form: type[msgspec.Struct] | None = None
    #: The media type of a body that the responder reads itself as it arrives.
    streams: str | None = None
    response: Any = None
    status: int = 200
    #: What other statuses mean, for the documentation of the API.
    responses: Mapping[int, str] = field(default_factory=dict)
    #: The content type of the response, where it is not JSON or a page.
    produces: str | None = None
    rate_limit: Rate | None = None
    #: Seconds for which the response is cached, unless a table or row it was read from changes.
    cache: float | None = None
    #: Headers that a cached response depends on.
    varies: tuple[str, ...] = VARIES
    #: The largest body in bytes; ``None`` is the site's ``max_body_bytes``.
    max_body: int | None = None
    #: Directives of the content security policy that differ from the site's.
    csp: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    description: str = ""

    def problems(self) -> list[str]:
        """Return what contradicts, worst first."""
        checks = {
            'declare either public=True or permission="…", and not both': (
                self.public == bool(self.permission)
            ),
            'on= limits a permission to an object, so it needs permission="…"': (
                self.on is not None and not self.permission
            ),
            'recent_sign_in is of people who sign in, so it needs permission="…"': (
                self.recent_sign_in and not self.permission
            ),
            "on is the name of a path parameter, or an async function": not (
                self.on is None or isinstance(self.on, str) or inspect.iscoroutinefunction(self.on)
            ),
            "declare one of body=, form= and streams=": self._ways_to_read() > 1,
            'streams is a media type such as "application/octet-stream" or "image/*"': (
                self.streams is not None and _MEDIA_TYPE.fullmatch(self.streams) is None
            ),
            f"status is one of {sorted(STATUSES)}": self.status not in STATUSES,
            "cache is a number of seconds above 0": (
                self.cache is not None and not (_is_number(self.cache) and self.cache > 0)
            ),
            "max_body is a number of bytes above 0": (
                self.max_body is not None and not (type(self.max_body) is int and self.max_body > 0)
            ),
            "body, query and form are msgspec Structs": not self._structs(),
            "recent_sign_in cannot keep files while a person confirms who they are": (
                self.recent_sign_in and self._structs() and self._takes_files()
            ),
            "recent_sign_in cannot keep passwords while a person confirms who they are": (
                self.recent_sign_in and self._structs() and self._takes_passwords()
            ),
            f"varies names some of {', '.join(VARIES)}": not set(self.varies) <= set(VARIES),
            "responses maps statuses from 300 to 599 to what they mean": not all(
                type(status) is int and 300 <= status < 600 for status in self.responses
            ),
            "produces is a content type such as text/calendar": (
                self.produces is not None and "/" not in self.produces
            ),
            'csp maps directives such as "media-src" to sources': not all(
                name.replace("-", "").isalpha() and not set(";,\r\n") & set(sources)
                for name, sources in self.csp.items()
            ),
        }
        return [problem for problem, wrong in checks.items() if wrong]

    def _ways_to_read(self) -> int:
        return sum(each is not None for each in (self.body, self.form, self.streams))

    def _takes_files(self) -> bool:
        return self.form is not None and bool(upload_fields(self.form))

    def _takes_passwords(self) -> bool:
        return self.form is not None and bool(password_fields(self.form))

    def _structs(self) -> bool:
        declared = [each for each in (self.body, self.query, self.form) if each is not None]
        return all(isinstance(each, type) and issubclass(each, msgspec.Struct) for each in declared)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration as its author wrote it.

    ``configured`` are the options that are functions of the plugin's configuration, by name.
    """

    endpoint: Endpoint
    configured: Mapping[str, Callable[[Any], Any]]

    def resolve(self, config: Any) -> Endpoint:
        """Return the declaration with the values that the functions return for ``config``.

        Raises what they raise, and TypeError or ValueError for a value that is not allowed.
        """
        if not self.configured:
            return self.endpoint
        values = {name: function(config) for name, function in self.configured.items()}
        if isinstance(values.get("rate_limit"), str):
            values["rate_limit"] = Rate.parse(values["rate_limit"])
        if not values.get("cache", True):
            values["cache"] = None  # 0 in the configuration turns caching off
        resolved = dataclasses.replace(self.endpoint, **values)
        for problem in resolved.problems():
            raise ValueError(problem)
        return resolved


def declared_endpoint(responder: Any) -> Endpoint | None:
    """Return what ``@endpoint`` declares of a responder, such as its ``permission`` and ``on``.

    ``None`` for a function without one. Options that are functions of the configuration have their
    defaults.
    """
    found = declared(responder)
    return found.endpoint if found else None


def endpoint(
    *,
    public: bool = False,
    permission: str | None = None,
    on: str | FindObject | None = None,
    recent_sign_in: bool = False,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    form: type[msgspec.Struct] | None = None,
    streams: str | None = None,
    response: Any = None,
    status: int = 200,
    responses: Mapping[int, str] | None = None,
    produces: str | None = None,
    rate_limit: Configured[str | None] = None,
    cache: Configured[float | None] = None,
    varies: tuple[str, ...] = VARIES,
    max_body: Configured[int | None] = None,
    csp: Configured[Mapping[str, str]] | None = None,
) -> Callable[[Responder], Responder]:
    """Declare a responder: ``async def on_post(self, req, resp, *, id, body) -> Sent``.

    - Exactly one of ``public=True`` and ``permission="plugin.thing.verb"``. With ``on="id"`` it is
      enough to hold the permission for the object whose id is the path's ``{id}``; where it does
      not hold, the response is 404. Where the path has another id, ``on`` is an async function that
      takes the path's parameters, as ``async def petition_of(req, *, id)``, and returns the
      object's id, or ``None``. A list has ``on="*"``: it is enough to hold the permission for any
      object, and the responder gets ``objects=``, the ids of those whose rows it may show, or
      ``None`` for all.
    - ``recent_sign_in=True`` is for what must not happen to somebody who has left their browser
      open: the visitor must have signed in, or confirmed their password, within the last 15
      minutes. A browser is led to do so and then goes on, with what was typed; a program gets
      401 ``recent_sign_in_required``, and an API key 403.
    - ``body``, ``query`` and ``form`` are Structs; the responder gets ``body=`` and ``query=`` as
      values, already valid, and ``form=`` as a :class:`~changemaker_core.web.forms.Form`, which
      may hold errors to show. A form with a field of type ``Upload`` is sent as
      ``multipart/form-data``. ``max_body`` is in bytes.
    - ``streams="application/octet-stream"``, ``"image/*"``, ``"multipart/form-data"`` or ``"*/*"``:
      the responder reads the body itself as it arrives, by ``req.chunks()`` or ``req.parts()``.
    - ``response`` is the type of the returned value, for the documentation of the API;
      ``responses={409: "No place is left."}`` says what other statuses mean.
      ``produces="text/calendar"`` is the content type of text or bytes that are returned.
    - ``rate_limit="10/minute"`` is counted for each address and protects our own CPU; processes
      share it where Redis is configured.
    - ``cache=60`` caches responses of public GETs for that many seconds; each is invalidated at
      once when a table or row that it was read from changes. A cached response may depend only on
      path, query and language; ``varies=()`` says that it depends on no language either, so that
      proxies can share it. ``req.cache_for(seconds)`` shortens the time in the responder.
    - ``csp={"media-src": "'self' https://media.example.org"}`` replaces directives of the content
      security policy.

    ``max_body``, ``rate_limit``, ``cache`` and ``csp`` may be functions of the plugin's
    configuration, which are called once when the site is built:
    ``max_body=lambda config: config.largest_upload``. They get core's configuration where the
    plugin has none of its own.

    The responder returns a Struct, dict or list (JSON), a ``TemplateResponse``, a ``Redirect``,
    bytes (with ``produces`` or ``resp.content_type``), or ``None`` where it has filled ``resp``
    itself. A wrong declaration raises TypeError or ValueError as soon as it is imported.
    """
    options = dict(locals())  # every argument, by its name
    options |= {"responses": responses or {}, "csp": csp or {}}
    configured = {name: options.pop(name) for name in _CONFIGURABLE if callable(options[name])}
    if isinstance(rate_limit, str):
        options["rate_limit"] = Rate.parse(rate_limit)

    def declare(responder: Responder) -> Responder:
        summary, description = _described(responder)
        spec = Endpoint(**options, summary=summary, description=description)
        for problem in (*spec.problems(), *_misfits(responder, spec, configured)):
            raise TypeError(f"@endpoint of {responder.__qualname__}: {problem}")
        setattr(responder, ATTRIBUTE, Declaration(spec, configured))
        return responder

    return declare


_CONFIGURABLE = ("rate_limit", "cache", "max_body", "csp")


def declared(responder: Any) -> Declaration | None:
    """Return the declaration of a responder; ``None`` where it has none."""
    return getattr(responder, ATTRIBUTE, None)


def _described(responder: Callable[..., Any]) -> tuple[str, str]:
    summary, _, description = (inspect.getdoc(responder) or "").partition("\n")
    return summary.strip(), description.strip()


def _misfits(
    responder: Callable[..., Any], spec: Endpoint, configured: Mapping[str, Any]
) -> list[str]:
    """Return where a declaration does not fit its responder."""
    cached = spec.cache is not None or "cache" in configured
    takes = inspect.signature(responder).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in takes.values())
    wanted = [each for each in ("body", "query", "form") if getattr(spec, each) is not None]
    if spec.on == ANY_OBJECT and "objects" not in takes:  # what it does not take it cannot forget
        return ['it declares on="*" but does not take objects']
    checks = {
        "it must be declared with async def": not inspect.iscoroutinefunction(responder),
        "it cannot be cached; only responses to GET can": (
            cached and not responder.__name__.startswith("on_get")
        ),
        "only a public response can be cached": cached and not spec.public,
        **{
            f"it declares {name}= but does not take it": name not in takes and not takes_any
            for name in wanted
        },
    }
    return [problem for problem, wrong in checks.items() if wrong]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
