"""The OpenAPI 3.1 document of a site, from the declarations that also enforce it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from apispec import APISpec

from changemaker_core.http.authentication import SAFE_METHODS
from changemaker_core.http.bodies.decoding import FORM_TYPE
from changemaker_core.http.bodies.multipart import MULTIPART
from changemaker_core.http.bodies.uploads import Upload, upload_fields
from changemaker_core.http.declarations import API, PARAMETER, ROUTES
from changemaker_core.http.endpoint import declared
from changemaker_core.http.endpoint.checks import responders_of
from changemaker_core.http.endpoint.domain_errors import table_of
from changemaker_core.http.errors import Problem
from changemaker_core.http.sessions import cookie, csrf
from changemaker_core.http.validation.schema import PUBLISHED_PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core.http.declarations import Authenticator, Route
    from changemaker_core.http.endpoint import Endpoint
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.site import Site

#: The end of a text in a pattern of ours: before a line end ``$`` would match in Python.
_END = r"(?![\s\S])"
#: The proof that a request of a session comes from the site's own pages.
_CSRF = "csrf"
_REFERENCE = "#/components/schemas/{name}"
_DESCRIPTIONS = {
    "200": "Success.",
    "201": "Created.",
    "202": "Accepted; it will be processed.",
    "204": "Success, without content.",
    "400": "The request is malformed.",
    "401": "Credentials are missing or not valid.",
    "403": "The permission is missing.",
    "404": "Not found.",
    "408": "The body took too long to arrive.",
    "409": "The request conflicts with the current state.",
    "413": "The body is too large.",
    "415": "The content type is not supported.",
    "422": "Some fields are not valid; ``errors`` lists all of them.",
    "429": "Too many requests; Retry-After is when to try again.",
}


class FieldProblem(msgspec.Struct):
    """One field that is not valid; ``in`` is ``body``, ``query`` or ``form``."""

    field: str
    message: str
    place: str = msgspec.field(name="in")


class ProblemDetails(msgspec.Struct):
    """RFC 9457 problem details, with a stable ``code`` for programs."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldProblem] | msgspec.UnsetType = msgspec.UNSET


def describe(site: Site) -> dict[str, Any]:
    """Return the OpenAPI document of ``site``: every route below ``/api/``."""
    routes = site.loaded.contributions(ROUTES)
    described = [(each, op) for each in routes for op in _operations(each.item)]
    schemas = _Schemas(spec for _, (_, spec) in described)
    document = APISpec(
        title=site.organisation,
        version=_version(site),
        openapi_version="3.1.0",
        servers=[{"url": site.config.base_url}],
    )
    access = _Access(site)
    for name, schema in schemas.components.items():
        document.components.schema(name, schema)
    for contributed, (method, spec) in described:
        path = PARAMETER.sub(r"{\1}", contributed.item.path)
        operation = _operation(contributed, method, spec, schemas)
        operation["security"] = access.required(method, spec)
        document.path(path=path, operations={method: operation})
    for name, scheme in access.schemes.items():
        document.components.security_scheme(name, scheme)
    whole: dict[str, Any] = document.to_dict()
    return whole


class _Access:
    """The credentials of a site, and which of them an operation takes.

    ``schemes`` describes each by its name.
    """

    def __init__(self, site: Site) -> None:
        self.schemes: dict[str, dict[str, Any]] = {}
        self._authenticators = site.authentication.authenticators
        self._cookie = cookie.name_at(site.config.base_url)
        for each in self._authenticators:
            self.schemes |= {scheme: value for scheme, value, _ in self._read_by(each)}

    def required(self, method: str, spec: Endpoint) -> list[dict[str, list[str]]]:
        """Return the alternatives of an operation; what is in one of them is sent together."""
        if spec.public:
            return []
        changes = method.upper() not in SAFE_METHODS
        return [
            alternative
            for each in self._authenticators
            if each.is_sign_in or not spec.recent_sign_in
            for alternative in self._alternatives(each, changes=changes)
        ]

    def _alternatives(
        self, authenticator: Authenticator, *, changes: bool
    ) -> Iterator[dict[str, list[str]]]:
        read = list(self._read_by(authenticator))
        headers: dict[str, list[str]] = {name: [] for name, _, place in read if place == "header"}
        if headers:
            yield headers
        for name, scheme, place in read:
            if place == "cookie":
                proof: dict[str, list[str]] = {}
                if changes and scheme["name"] == self._cookie:
                    self.schemes.setdefault(_CSRF, _csrf_scheme())
                    proof = {_CSRF: []}
                yield {name: [], **proof}

    def _read_by(self, authenticator: Authenticator) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Yield name, description and place of each credential that an authenticator reads."""
        name, headers = authenticator.name, authenticator.headers
        for header in headers:
            own = name if len(headers) == 1 else f"{name}.{header.lower()}"
            if header.lower() == "authorization":
                scheme = (authenticator.challenge or "Bearer").partition(" ")[0].lower()
                yield own, {"type": "http", "scheme": scheme}, "header"
            else:
                described = {"type": "apiKey", "in": "header", "name": header.lower()}
                yield own, described, "header"
        for each in authenticator.cookies:
            # Of a session's names, that at the public address.
            if each == self._cookie or each not in cookie.NAMES:
                own = name if each == self._cookie else f"{name}.{each}"
                yield own, {"type": "apiKey", "in": "cookie", "name": each}, "cookie"


def _csrf_scheme() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "in": "header",
        "name": csrf.HEADER.lower(),
        "description": "The token of the session's pages. A request that the browser marks as "
        "``Sec-Fetch-Site: same-origin`` needs none.",
    }


def _version(site: Site) -> str:
    versions = [plugin.version for plugin in site.loaded.plugins if plugin.core]
    return next((version for version in versions if version), "0")


def _operations(route: Route) -> Iterator[tuple[str, Endpoint]]:
    """Method and declaration of each responder of an API route."""
    if not route.path.startswith(API):
        return
    for method, responder in responders_of(route).items():
        declaration = declared(responder)
        if declaration is not None:
            yield method.lower(), declaration.endpoint


def _operation(
    contributed: Contribution[Route], method: str, spec: Endpoint, schemas: _Schemas
) -> dict[str, Any]:
    path = contributed.item.path
    operation: dict[str, Any] = {
        "operationId": _operation_id(method, path),
        "tags": [contributed.plugin.name],
        "summary": spec.summary,
        "description": spec.description,
        "parameters": [*_path_parameters(path), *_query_parameters(spec, schemas)],
        "responses": _responses(contributed, spec, schemas),
    }
    if spec.permission is not None:
        operation["x-permission"] = spec.permission
    if spec.recent_sign_in:
        operation["x-recent-sign-in"] = True
    if (body := _request_body(spec, schemas)) is not None:
        operation["requestBody"] = body
    return {key: value for key, value in operation.items() if value not in ("", None)}


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"\w+", PARAMETER.sub(r"by_\1", path.removeprefix(API)))
    return "_".join([method, *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(path)
    ]


def _query_parameters(spec: Endpoint, schemas: _Schemas) -> list[dict[str, Any]]:
    if spec.query is None:
        return []
    described = schemas.properties(spec.query)
    required = described.get("required", [])
    return [
        {"in": "query", "name": name, "required": name in required, "schema": schema}
        for name, schema in described.get("properties", {}).items()
    ]


def _request_body(spec: Endpoint, schemas: _Schemas) -> dict[str, Any] | None:
    if spec.body is not None:
        media, struct = "application/json", spec.body
    elif spec.form is not None:
        media, struct = FORM_TYPE, spec.form
        if upload_fields(struct):
            media = MULTIPART
    elif spec.streams is not None:
        kind = {"type": "object"} if spec.streams == MULTIPART else {}
        return {"required": True, "content": {spec.streams: {"schema": kind}}}
    else:
        return None
    return {"required": True, "content": {media: {"schema": schemas.of(struct)}}}


def _responses(
    contributed: Contribution[Route], spec: Endpoint, schemas: _Schemas
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": _DESCRIPTIONS[str(spec.status)]}
    if spec.response is not None:
        good["content"] = {"application/json": {"schema": schemas.of(spec.response)}}
    elif spec.produces is not None:
        good["content"] = {spec.produces: {"schema": {"type": "string"}}}
    problem = {"application/problem+json": {"schema": schemas.of(ProblemDetails)}}
    meanings = {
        **{status: _DESCRIPTIONS[status] for status in _problem_statuses(contributed, spec)},
        **_domain_errors(contributed),
        **{str(status): meaning for status, meaning in spec.responses.items()},
    }
    bad = {
        status: {"description": meaning, **({} if status < "4" else {"content": problem})}
        for status, meaning in sorted(meanings.items())
    }
    other = {"description": "An error.", "content": problem}
    return {str(spec.status): good, **bad, "default": other}


def _domain_errors(contributed: Contribution[Route]) -> dict[str, str]:
    """Return the problems of the tables of a resource and its plugin, by status."""
    codes: dict[str, list[str]] = {}
    for holder in (contributed.item.resource, contributed.plugin.instance):
        for entry in table_of(holder).values():
            if isinstance(entry, Problem):
                codes.setdefault(str(entry.status), []).append(f"``{entry.code}``")
    return {
        status: f"{_DESCRIPTIONS.get(status, 'An error:')} {', '.join(dict.fromkeys(found))}"
        for status, found in codes.items()
    }


def _problem_statuses(contributed: Contribution[Route], spec: Endpoint) -> Iterable[str]:
    """Return the statuses of problems that a declaration makes possible."""
    path = contributed.item.path
    body = spec.body is not None or spec.form is not None or spec.streams is not None
    possible = {
        "400": body,
        "401": not spec.public,
        "403": not spec.public,
        "404": "{" in path,
        "408": spec.streams is not None,
        "413": body,
        "415": body,
        "422": spec.body is not None or spec.query is not None,
        "429": True,
    }
    return [status for status, is_possible in possible.items() if is_possible]


class _Schemas:
    """JSON Schemas of every type in the API, each described once.

    They come from msgspec, which also decodes and encodes the values.
    """

    def __init__(self, specs: Iterable[Endpoint]) -> None:
        types: list[Any] = [ProblemDetails]
        for spec in specs:
            declared_types = (spec.body, spec.form, spec.query, spec.response)
            types += [each for each in declared_types if each is not None and each not in types]
        described, components = msgspec.json.schema_components(
            types, schema_hook=_schema_of_upload, ref_template=_REFERENCE
        )
        self._of: dict[Any, dict[str, Any]] = dict(
            zip(map(_hashable, types), _published(described), strict=True)
        )
        self.components: dict[str, dict[str, Any]] = _published(dict(components))

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type, or a reference to it."""
        return self._of[_hashable(kind)]

    def properties(self, struct: type[msgspec.Struct]) -> dict[str, Any]:
        """Return the whole schema of a Struct."""
        reference = self.of(struct).get("$ref")
        return self.components[reference.rpartition("/")[2]] if reference else self.of(struct)


def _published(schema: Any) -> Any:
    """Return a schema, or a part of one, with patterns that clients can read and use."""
    if isinstance(schema, dict):
        kept = {key: _published(each) for key, each in schema.items()}
        if isinstance(pattern := kept.get("pattern"), str):
            readable = PUBLISHED_PATTERNS.get(pattern, pattern.replace(_END, "$"))
            kept = {key: each for key, each in kept.items() if key != "pattern"}
            kept |= {} if readable is None else {"pattern": readable}
        return kept
    return [*map(_published, schema)] if isinstance(schema, list | tuple) else schema


def _schema_of_upload(kind: type) -> dict[str, Any]:
    if kind is not Upload:
        raise NotImplementedError(f"{kind.__name__} has no JSON Schema")
    return {"type": "string", "format": "binary"}


def _hashable(kind: Any) -> Any:
    return kind if isinstance(kind, type) else repr(kind)
